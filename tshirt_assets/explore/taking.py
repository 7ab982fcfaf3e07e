"""A few rows out of a large table, by their places in it."""

from collections.abc import Sequence

import polars as pl

from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.frames import to_frame
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo


def rows_at(
    store: Store, info: TableInfo, places: Sequence[int], columns: Sequence[str]
) -> pl.DataFrame:
    """The rows at these places (0-based, ascending, none twice) of one version of a table.

    Only they are read. Raises `StoreError` where the version is gone.
    """
    table = store.database.open(info.name, info.version)
    if table is None:
        raise StoreError(f"{store.database.uri}: there is no table {info.name} any more")
    with store.database.reading(info.name):
        return to_frame(table.take_offsets(list(places)).select(list(columns)).to_arrow())
