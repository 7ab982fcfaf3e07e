"""The rows of the table `search`: copies of texts from `samples` and vectors from `embeddings`."""

from collections.abc import Mapping

import pyarrow as pa

from tshirt_assets.incremental.columns import search_schema
from tshirt_assets.incremental.identity import data_version
from tshirt_assets.store.frames import to_frame, to_schema
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo

TEXTS = ["sample_id", "row", "instruction", "input", "response", "domain"]
VECTORS = ["sample_id", "shard", "row", "vector"]


def search_rows(store: Store, samples: TableInfo, embeddings: TableInfo) -> pa.Table:
    """The rows that `search` holds of one shard: those that have a vector, in their order."""
    texts = store.read(
        samples.corpus, samples.asset, samples.shard, columns=TEXTS, version=samples.version
    )
    vectors = store.read(
        embeddings.corpus,
        embeddings.asset,
        embeddings.shard,
        columns=VECTORS,
        where="status = 'ok'",
        version=embeddings.version,
    )
    rows = to_frame(vectors).join(to_frame(texts), on=["sample_id", "row"], maintain_order="left")
    return to_schema(rows, search_schema(vectors.schema.field("vector").type.list_size))


def changed_copies(
    store: Store,
    search: TableInfo,
    samples: Mapping[str, TableInfo],
    embeddings: Mapping[str, TableInfo],
) -> list[str]:
    """The shards whose rows in `search` are not those of the stored samples and embeddings.

    Both by shard. Reads all three tables, one shard in memory at a time. Rows of shards that
    are not among them count as those of the shard "others".
    """
    changed, rows = [], 0
    for shard in sorted(samples.keys() & embeddings.keys()):
        expected = search_rows(store, samples[shard], embeddings[shard])
        quoted = shard.replace("'", "''")
        stored = store.read(
            search.corpus, search.asset, where=f"shard = '{quoted}'", version=search.version
        )
        rows += stored.num_rows
        if data_version(stored) != data_version(expected):
            changed.append(shard)
    return changed + ["others"] * (rows != search.rows)
