"""One stored table by itself: its rows are those that were written, and all that belongs is there.

Every table is read in whole, once; what does not fit is left out of further checks.
"""

from collections.abc import Iterator, Mapping

import polars as pl
import pyarrow as pa

from tshirt_assets.incremental.catalog import BY_RECIPE, SEARCH, SELECTED_SUBSET
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.findings import Verification, mended_by, place_of
from tshirt_assets.incremental.identity import data_version
from tshirt_assets.incremental.judgements import JUDGEMENTS, damaged_entries
from tshirt_assets.incremental.table_list import Place
from tshirt_assets.incremental.table_shapes import FACTS, has_identity, shape_faults
from tshirt_assets.store.frames import to_frame
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo


class CheckedTables:
    """Reads tables for a verification and checks each of them the first time."""

    def __init__(self, store: Store, tables: Mapping[Place, TableInfo], found: Verification):
        self.store, self.tables, self.found = store, tables, found
        self._done: set[Place] = set()

    def frame(self, table: str, partition: str | None = None) -> pl.DataFrame | None:
        """The rows of a table; None where there are none, or none that others can be held to."""
        info = self.tables.get((table, partition))
        if info is None:
            return None
        place, subject = place_of(table, partition), _subject(table, partition)
        with self.found.guarded(place, mended_by(subject)):
            rows = self.store.read(info.corpus, table, partition, version=info.version)
            if (table, partition) not in self._done:
                self._done.add((table, partition))
                self.found.rows += rows.num_rows
                self.found.bytes += rows.nbytes
                self.found.add_all(place, subject, table_faults(info, rows))
            if not list(shape_faults(table, rows.schema)):
                return to_frame(rows)
        return None

    def rest(self) -> None:
        """Check what nothing has asked for."""
        for place in sorted(self.tables.keys() - self._done, key=str):
            self.frame(*place)


def _subject(table: str, partition: str | None) -> str:
    return place_of(table, partition) if table in BY_RECIPE else table


def table_faults(info: TableInfo, rows: pa.Table) -> Iterator[str]:
    """What is wrong with a table by itself, in words."""
    yield from shape_faults(info.asset, rows.schema)
    if info.asset == JUDGEMENTS:  # a log grows: its entries have a hash each
        if changed := damaged_entries(to_frame(rows)):
            yield f"{len(changed)} entries are not what was recorded"
        return
    if not info.data_version:
        yield "its data version is not recorded"
    elif info.asset != SEARCH.name and data_version(rows) != info.data_version:
        yield "its rows have changed since they were written"
    if has_identity(info.asset) and not info.identity:
        yield "its identity is not recorded"
    facts = TableFacts.of(info)
    absent = [name for name in FACTS.get(info.asset, ()) if not _given(facts, info, name)]
    if absent:
        yield f"what was recorded with it is incomplete: {', '.join(absent)}"
    measured = {*rows["estimator"].to_pylist()} if "estimator" in rows.column_names else set()
    if facts.estimators is not None and not measured <= {*facts.estimators}:
        yield f"not all of its rows are of {', '.join(facts.estimators)}"
    for column, value in _constants(info, facts).items():
        if column in rows.column_names:
            others = to_frame(rows.select([column])).filter(
                pl.col(column).ne_missing(pl.lit(value))
            )
            if others.height:
                yield f"{others.height} rows have another {column}"


def _given(facts: TableFacts, info: TableInfo, name: str) -> bool:
    # The fingerprint is empty where no row could be embedded.
    return name in info.meta and getattr(facts, name) is not None


def _constants(info: TableInfo, facts: TableFacts) -> dict[str, object]:
    """The columns that have one value in all rows of a table, and what is recorded of it."""
    recorded = {
        "identity": info.identity if has_identity(info.asset) else None,
        "shard": info.shard if info.asset not in BY_RECIPE else None,
        "recipe": info.shard if info.asset == SELECTED_SUBSET.name else None,
        "tau": facts.tau if info.asset != SELECTED_SUBSET.name else None,
        "keep_fraction": facts.keep_fraction,
    }
    return {column: value for column, value in recorded.items() if value is not None}
