"""Scores of the corpus that hold for its planted copies too: a copy computes only what is new."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from tshirt_assets.incremental.soundness import sound_rows
from tshirt_assets.incremental.writing import write_table
from tshirt_assets.store.faults import DamagedTableError
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo

LENT: Final = ("embeddings", "token_scores", "neighbour_deltas", "pilot_deltas", "miwv_scores")
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
            write_table(store, copy, asset, f"lent-{identity}", rows, identity=identity)
            lent += rows.num_rows if asset == "token_scores" else 0
    return lent


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
