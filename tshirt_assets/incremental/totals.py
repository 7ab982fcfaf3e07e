"""How many rows an asset has to do over the shards of a run, before it has looked at any."""

from collections.abc import Sequence
from contextlib import suppress

from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental.catalog import ASSETS
from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.store import Store


def rows_to_do(store: Store, config: CorpusConfig, asset: str, shards: Sequence[str]) -> int | None:
    """Rows in all, those that need no work included; None where that is not known beforehand.

    Known are the assets that score shard by shard, if the store can be read: who cannot do without
    it says so. A row counts once for each of the tables that it is measured in.
    """
    with suppress(StoreError):
        if ASSETS[asset].holds_every_sample:
            return _stored_rows(store, config, shards)
        if asset == "robust_scores":
            return _rows_to_measure(store, config, shards)
    return None


def _stored_rows(store: Store, config: CorpusConfig, shards: Sequence[str]) -> int:
    infos = store.infos(config.name, "samples", shards)
    return sum(info.rows for info in infos if info is not None)


def _rows_to_measure(store: Store, config: CorpusConfig, shards: Sequence[str]) -> int:
    by_gradients = [name for name in config.estimators if name != "sampled"]
    every_row = [config.measures_all_rows(name) for name in by_gradients]
    if config.neighbours:
        every_row.append(config.perturbs_all_rows)
    count = 0
    if any(every_row):
        count += sum(every_row) * _usable_rows(store, config, shards)
    if not all(every_row):
        count += every_row.count(False) * _contenders(store, config, shards)
    return count


def _usable_rows(store: Store, config: CorpusConfig, shards: Sequence[str]) -> int:
    tables = [info for info in store.infos(config.name, "token_scores", shards) if info is not None]
    return sum(map(len, store.read_many(tables, columns=["row"], where="status = 'ok'")))


def _contenders(store: Store, config: CorpusConfig, shards: Sequence[str]) -> int:
    table = store.read(config.name, "contenders", columns=["shard"], where="contender")
    wanted = set(shards)
    return sum(shard in wanted for shard in table["shard"].to_pylist())
