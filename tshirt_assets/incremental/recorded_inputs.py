"""What stored tables were made from, held to what is stored."""

from collections.abc import Collection, Iterator, Mapping
from typing import get_args

from tshirt_assets.config import Estimator
from tshirt_assets.incremental.catalog import ASSETS, CALIBRATION, CONTENDERS
from tshirt_assets.incremental.facts import RecordedTable, TableFacts
from tshirt_assets.incremental.identity import data_version
from tshirt_assets.incremental.table_list import Place
from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo

ESTIMATORS = frozenset(get_args(Estimator))


def input_faults(
    store: Store, subset: TableInfo, tables: Mapping[Place, TableInfo], there: Collection[Place]
) -> Iterator[str]:
    """Recorded inputs of a subset that are not stored any more, in no version.

    tables: those that can be read; there: the places of all that are stored.
    """
    for asset, shards in TableFacts.of(subset).inputs.items():
        for shard, recorded in shards.items():
            present = tables.get((asset, shard))
            if (asset, shard) not in there:
                yield f"was made from {asset} {shard}, which is gone"
            elif present is not None and not _still_readable(store, present, recorded):
                yield (
                    f"was made from version {recorded.version} of {asset} {shard}, which is not "
                    "stored any more"
                )


def _still_readable(store: Store, table: TableInfo, recorded: RecordedTable) -> bool:
    """Whether the rows of a recorded version of a table can be read as they were.

    The present version is read by itself: what it says of its rows is enough here.
    """
    if table.data_version == recorded.data_version:
        return True
    try:
        rows = store.read(table.corpus, table.asset, table.shard, version=recorded.version)
    except StoreError:
        return False
    return data_version(rows) == recorded.data_version


def absent_sources(table: TableInfo, there: Collection[Place]) -> Iterator[Place]:
    """The places that one table was certainly made from and where nothing is stored."""
    needed: list[Place] = []
    record = ASSETS.get(table.asset)
    if record is not None and record.unit == "shard":
        needed = [
            (name, None)
            for name in record.reads
            if name in ASSETS and ASSETS[name].unit == "corpus" and name != CALIBRATION.name
        ]
    for estimator in ESTIMATORS.intersection(TableFacts.of(table).estimators or ()):
        if estimator != "analytic":
            needed.append(("neighbour_deltas", table.shard))
        if estimator != "sampled":
            needed += [(f"{estimator}_scores", table.shard), (CALIBRATION.name, None)]
    if table.asset == CALIBRATION.name:
        needed = [(CONTENDERS.name, None), *((name, None) for name in CALIBRATION.measures)]
    yield from (place for place in dict.fromkeys(needed) if place not in there)


def unlike_recorded(
    recorded: Mapping[Place, str], tables: Mapping[Place, TableInfo], there: Collection[Place]
) -> Iterator[tuple[Place, str]]:
    """(table, what is wrong) of those that are not as Dagster recorded them last.

    recorded: data versions. tables, there: as above.
    """
    for place, version in recorded.items():
        present = tables.get(place)
        if place not in there:
            yield place, "was materialized, but its table is gone"
        elif present is not None and present.data_version != version:
            yield place, "is not the table that was materialized last"
