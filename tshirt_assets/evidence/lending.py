"""Scores of the corpus that hold for its planted copies too: a copy computes only what is new."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental.catalog import CALIBRATION, CONTENDERS
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.soundness import sound_rows
from tshirt_assets.incremental.writing import needed_table, write_table
from tshirt_assets.store.faults import DamagedTableError
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo

CONSTANTS: Final = (CONTENDERS.name, CALIBRATION.name)
LENT: Final = (
    *("embeddings", "relevance", "token_scores", "miwv_scores"),
    *("neighbour_deltas", "pilot_deltas", "analytic_scores", "hybrid_scores"),
)
"""Tables whose rows hold for a row wherever it is: their identity says of what they are made."""


def lend_scores(store: Store, corpus: str, copy: str, ids: Collection[str]) -> int:
    """Copy the stored scores of these sample ids to the tables of a planted copy.

    They lie there as a shard that is not among the copy's own: rows are found by id and identity,
    whatever shard holds them. Returns how many token scores were lent. Tables that are not sound
    are passed by.
    """
    wanted = pa.array(sorted(ids), pa.string())
    lent = 0
    for asset in LENT:
        for identity, rows in _by_identity(store, corpus, asset, wanted):
            shard = f"lent-{identity}"
            place = rows.schema.get_field_index("shard")
            rows = rows.set_column(place, rows.field(place), pa.repeat(shard, rows.num_rows))
            write_table(store, copy, asset, shard, rows, identity=identity)
            lent += rows.num_rows if asset == "token_scores" else 0
    return lent


def lend_constants(store: Store, config: CorpusConfig, copy: CorpusConfig) -> None:
    """Give a planted copy the corpus's threshold tau and the constants of its estimator.

    By them the robustness of rows that stay holds for the copy, too. Where the corpus has none,
    or not both of one tau, the copy finds its own.
    """
    contenders, calibration = (_facts(store, config, name) for name in CONSTANTS)
    tau = contenders.tau
    if tau is None or contenders.keep_fraction != config.keep_fraction:
        return
    if config.needs_calibration and (calibration.calibration is None or calibration.tau != tau):
        return
    if _facts(store, copy, CONTENDERS.name).tau != tau:
        _lend_table(store, config.name, copy.name, CONTENDERS.name)
    if config.needs_calibration:
        _lend_table(store, config.name, copy.name, CALIBRATION.name)


def has_lent_calibration(store: Store, config: CorpusConfig, copy: CorpusConfig) -> bool:
    """Whether a planted copy has the calibration of its corpus."""
    own, lent = (_facts(store, one, CALIBRATION.name) for one in (config, copy))
    return own.calibration is not None and own == lent


def _facts(store: Store, config: CorpusConfig, asset: str) -> TableFacts:
    with suppress(DamagedTableError, UpstreamError):
        info = store.info(config.name, asset)
        if info is not None:
            return TableFacts.of(info)
    return TableFacts()


def _lend_table(store: Store, corpus: str, copy: str, asset: str) -> None:
    info = needed_table(store, corpus, asset)
    rows = sound_rows(store, info)
    write_table(store, copy, asset, None, rows, identity=info.identity, facts=TableFacts.of(info))


def _by_identity(
    store: Store, corpus: str, asset: str, wanted: pa.Array
) -> Iterator[tuple[str, pa.Table]]:
    tables: dict[str, list[TableInfo]] = {}
    for info in store.stored(corpus, asset):
        if info.identity:
            tables.setdefault(info.identity, []).append(info)
    for identity, infos in tables.items():
        parts = []
        for info in infos:
            with suppress(DamagedTableError):
                rows = sound_rows(store, info)
                parts.append(rows.filter(pc.is_in(rows["sample_id"], wanted)))
        if parts:
            whole = pa.concat_tables(parts)
            first = pl.Series(whole["sample_id"].to_pylist()).is_first_distinct()
            yield identity, whole.filter(first.to_arrow())
