"""Stored tables as lazy frames: only the columns that are asked for are read, in batches."""

from collections.abc import Iterator, Sequence

import polars as pl
from polars.io.plugins import register_io_source

from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.frames import to_frame
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo


def scan_tables(
    store: Store, corpus: str, asset: str, shards: Sequence[str | None], *, missing_ok: bool = False
) -> pl.LazyFrame:
    """The rows of an asset's tables, shard after shard, as one lazy frame.

    Every table stays at the version that is the latest now. Its rows are filtered batch by batch
    while they are read, and no further table is opened once there are enough of them. `shards`:
    keys, or None alone for a table over the whole corpus. Raises `StoreError` where a table is
    not there, unless others are and `missing_ok`.
    """
    found = {shard: store.info(corpus, asset, shard) for shard in shards}
    infos = [info for info in found.values() if info is not None]
    missing = [str(shard or corpus) for shard, info in found.items() if info is None]
    if not infos or (missing and not missing_ok):
        example = f" (first: {missing[0]})" if missing else ""
        raise StoreError(
            f"{store.database.uri}: {asset} of corpus {corpus!r} is not materialized for "
            f"{len(missing)} of {len(found)} tables{example}; materialize it, or give an input "
            "that may have gaps the metadata `allow_missing_partitions: True`"
        )

    def batches(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, size: int | None
    ) -> Iterator[pl.DataFrame]:
        left = rows
        for frame in _frames(store, infos, columns):
            frame = frame if predicate is None else frame.filter(predicate)
            if left is not None:
                frame = frame.head(left)
                left -= frame.height
            yield frame
            if left == 0:
                return

    first = infos[0]
    empty = store.read(corpus, asset, first.shard, where="false", version=first.version)
    return register_io_source(batches, schema=to_frame(empty).schema)


def _frames(
    store: Store, infos: Sequence[TableInfo], columns: list[str] | None
) -> Iterator[pl.DataFrame]:
    for info in infos:
        for batch in store.batches(
            info.corpus, info.asset, info.shard, columns=columns, version=info.version
        ):
            frame = pl.from_arrow(batch)
            assert isinstance(frame, pl.DataFrame)
            yield frame if columns is None else frame.select(columns)
