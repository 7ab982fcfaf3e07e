"""The rows of a corpus on an asset, which nothing but its `samples` shows without Dagster."""

import time

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.sample import from_table
from tshirt_assets.incremental.catalog import SAMPLES
from tshirt_assets.incremental.planning.present_rows import (
    PresentRows,
    PresentShard,
    blocks,
    share_to_read,
)
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo


def materialized_rows(store: Store, config: CorpusConfig) -> PresentRows:
    """The stored samples of a corpus; of one with many rows a part, as `present_rows` reads.

    Raises `CorpusError` where there are none yet.
    """
    started = time.perf_counter()
    stored = [info for info in store.stored(config.name, SAMPLES.name) if info.shard is not None]
    if not stored:
        raise CorpusError(
            f"{SAMPLES.name} is not materialized yet, and a plan is made from it where the rows "
            f"come from an asset ({config.source_asset}); materialize it first"
        )
    share = share_to_read(sum(info.rows for info in stored))
    shards = [_read(store, info, share) for info in stored]
    read = sum(shard.read for shard in shards)
    return PresentRows(shards, {}, (time.perf_counter() - started) / max(1, read))


def _read(store: Store, info: TableInfo, share: float) -> PresentShard:
    shard = PresentShard(str(info.shard), records=info.rows)
    for start, stop in blocks(info.rows, share):
        where = None if share >= 1.0 else f"row >= {start} AND row < {stop}"
        table = store.read(info.corpus, info.asset, info.shard, where=where, version=info.version)
        shard.read += table.num_rows
        for sample in from_table(table):
            shard.add(sample)
    return shard
