"""The store: one Lance table per corpus, asset and shard, replaced as a whole.

Why one table each: shards are replaced at once by several processes, and only whole-table
overwrites are both atomic and free of conflicts between shards.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tshirt_assets.store.database import Database
from tshirt_assets.store.faults import DamagedTableError, StoreError
from tshirt_assets.store.seen_tables import SeenTables
from tshirt_assets.store.table_info import (
    STAGING_PREFIX,
    TableInfo,
    check_vectors,
    full_meta,
    misplaced,
    read_meta,
    sealed,
    table_at,
    table_name,
)

if TYPE_CHECKING:
    from lancedb.table import AsyncTable

    from tshirt_assets.store.staging import Staging


class Store:
    """Tables of all corpora under one LanceDB URI. Values of `storage_options` are never shown.

    Several processes may use one store. Writes are atomic and last one wins; reads see one
    version. All methods raise `StoreError` with the remedy. Not for use across a fork.
    """

    def __init__(self, uri: str, storage_options: Mapping[str, str] | None = None):
        self.database = Database(uri, storage_options)
        self._seen = SeenTables(self.database.uri if self.database.is_local else None)

    def __repr__(self) -> str:
        return f"Store({self.database.uri!r})"

    def write(
        self,
        corpus: str,
        asset: str,
        shard: str | None,
        table: pa.Table,
        meta: Mapping[str, str],
    ) -> TableInfo:
        """Replace the table by `table` and `meta` together, in one atomic step.

        Its columns are the new columns, whatever was stored before. Fixed-size lists of floats
        (vectors) may be null but must be finite.
        """
        name = table_name(corpus, asset, shard)
        check_vectors(name, table)
        full = self._meta_to_write(corpus, asset, shard, meta)
        version = self.database.replace(name, table.replace_schema_metadata(sealed(full)))
        return TableInfo(name, version, table.num_rows, full)

    def write_batches(
        self,
        corpus: str,
        asset: str,
        shard: str | None,
        schema: pa.Schema,
        batches: Callable[[], Iterable[pa.RecordBatch]],
        meta: Mapping[str, str],
    ) -> TableInfo:
        """Like `write`, for tables larger than memory; `batches` gives the rows at every call."""
        name = table_name(corpus, asset, shard)
        full = self._meta_to_write(corpus, asset, shard, meta)
        rows = 0

        def checked() -> Iterator[pa.RecordBatch]:
            nonlocal rows
            rows = 0
            for batch in batches():
                check_vectors(name, pa.Table.from_batches([batch]))
                rows += batch.num_rows
                yield batch

        schema = schema.with_metadata(sealed(full))
        version = self.database.replace_by_batches(name, schema, checked)
        return TableInfo(name, version, rows, full)

    def info(self, corpus: str, asset: str, shard: str | None = None) -> TableInfo | None:
        """Version, row count and metadata; None when there is no readable table.

        Raises `DamagedTableError` also when another table was put in its place.
        """
        return _in_place(self.inspect(table_name(corpus, asset, shard)))

    def read(
        self,
        corpus: str,
        asset: str,
        shard: str | None = None,
        *,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        version: int | None = None,
    ) -> pa.Table:
        """Rows in stored order; `columns` and `where` (SQL) are pushed down to the scan."""
        return self._read(table_name(corpus, asset, shard), columns, where, version)

    def batches(
        self,
        corpus: str,
        asset: str,
        shard: str | None = None,
        *,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        version: int | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """Like `read`, in batches of bounded size, all of one version."""
        name = table_name(corpus, asset, shard)
        with self.database.reading(name):
            scan = self._scan(name, columns, where, version)
        return self._batches(name, scan)

    def stored(self, corpus: str, asset: str | None = None) -> list[TableInfo]:
        """All readable tables of an asset, or of a corpus, ordered by name.

        The shard key of a table is in `meta["shard"]`.
        """
        own = table_name(corpus, asset, None) if asset else corpus
        names = [n for n in self.database.names() if n == own or n.startswith(f"{own}.")]

        def unless_damaged(name: str) -> TableInfo | None:
            with suppress(DamagedTableError):
                return self._mended(name)
            return None

        return [info for info in self._inspected(names, unless_damaged) if info is not None]

    def infos(self, corpus: str, asset: str, shards: Sequence[str]) -> list[TableInfo | None]:
        """`info` of many shards, in their order."""
        names = [table_name(corpus, asset, shard) for shard in shards]
        return [_in_place(info) for info in self._inspected(names, self._mended)]

    def read_many(
        self,
        tables: Sequence[TableInfo],
        *,
        columns: Sequence[str],
        where: str | Mapping[str, str] | None = None,
    ) -> list[pa.Table]:
        """`read` of many tables, each at the version of its info, in their order.

        `where`: for all, or for each by its stored name.
        """
        versions = {info.name: info.version for info in tables}
        conditions = where if isinstance(where, Mapping) else dict.fromkeys(versions, where)

        async def read(name: str, table: "AsyncTable") -> pa.Table:
            return await _rows(name, table, columns, conditions[name], versions[name])

        found = self.database.each([*versions], read)
        return [
            rows
            if isinstance(rows, pa.Table)
            else self._read(info.name, columns, conditions[info.name], info.version)
            for info, rows in zip(tables, found, strict=True)
        ]

    def size(self, tables: Sequence[TableInfo]) -> int | None:
        """Bytes that these rows take where they are stored; None where a table cannot be opened."""
        versions = {info.name: info.version for info in tables}

        async def stored_bytes(name: str, table: "AsyncTable") -> int:
            await table.checkout(versions[name])
            stats: Any = await table.stats()  # a dict, other than LanceDB says
            return stats["total_bytes"] if isinstance(stats, dict) else stats.total_bytes

        found = self.database.each([*versions], stored_bytes)
        sizes = [size for size in found if isinstance(size, int)]
        return sum(sizes) if len(sizes) == len(versions) else None

    def _inspected(
        self, names: Sequence[str], singly: Callable[[str], TableInfo | None]
    ) -> list[TableInfo | None]:
        """Infos of many tables, None where there is none; `singly` where that fails."""
        marks = {name: self._seen.mark(name) for name in names}
        found = {name: self._seen.get(name, mark) for name, mark in marks.items()}
        new = [name for name, info in found.items() if info is None]
        for name, info in zip(new, self.database.each(new, _info), strict=True):
            if isinstance(info, TableInfo):
                self._seen.keep(marks[name], info)
            found[name] = singly(name) if isinstance(info, BaseException) else info
        return [found[name] for name in names]

    def inspect(self, name: str) -> TableInfo | None:
        """`info` of a table by its stored name."""
        return self._inspected([name], self._mended)[0]

    def _mended(self, name: str) -> TableInfo | None:
        """`inspect` where that has failed: what can be repaired is, all else is explained."""
        table = self.database.open(name)
        if table is None:
            return None
        with self.database.reading(name):
            return table_at(name, table.version, table.count_rows(), table.schema)

    def drop(self, corpus: str, asset: str, shard: str | None = None) -> None:
        """Delete a table with all its versions, also one that cannot be opened."""
        self.database.drop(table_name(corpus, asset, shard))

    def staging(self, corpus: str, asset: str, shard: str | None, identity: str) -> "Staging":
        """Where the finished chunks of a shard wait until the shard is written."""
        from tshirt_assets.store.staging import Staging

        meta = full_meta(corpus, asset, shard, {"identity": identity})
        return Staging(self.database, STAGING_PREFIX + table_name(corpus, asset, shard), meta)

    def _meta_to_write(
        self, corpus: str, asset: str, shard: str | None, meta: Mapping[str, str]
    ) -> dict[str, str]:
        """Metadata of a table to be written. Raises rather than overwrite a newer package's."""
        with suppress(DamagedTableError):
            self.info(corpus, asset, shard)
        return full_meta(corpus, asset, shard, meta)

    def _read(
        self, name: str, columns: Sequence[str] | None, where: str | None, version: int | None
    ) -> pa.Table:
        async def read(name: str, table: "AsyncTable") -> pa.Table:
            return await _rows(name, table, columns, where, version)

        [rows] = self.database.each([name], read)
        if isinstance(rows, pa.Table):
            return rows
        with self.database.reading(name):  # it is repaired, or explained what is wrong
            rows = self._scan(name, columns, where, version).read_all()
        return rows.replace_schema_metadata(None)

    def _scan(
        self,
        name: str,
        columns: Sequence[str] | None,
        where: str | None,
        version: int | None,
    ) -> pa.RecordBatchReader:
        table = self.database.open(name, version)
        if table is None:
            raise StoreError(
                f"{self.database.uri}: there is no table {name}; materialize its asset first"
            )
        read_meta(name, table.schema)
        query = table.search()
        if columns is not None:
            query = query.select(list(columns))
        if where is not None:
            query = query.where(where)
        return query.to_batches()

    def _batches(self, name: str, scan: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        while True:
            with self.database.reading(name):
                try:
                    batch = scan.read_next_batch()
                except StopIteration:
                    return
            yield batch


async def _info(name: str, table: "AsyncTable") -> TableInfo:
    version = await table.version()
    if version == 0:  # what Lance takes a manifest of zeros for
        raise DamagedTableError(name)
    return table_at(name, version, await table.count_rows(), await table.schema())


async def _rows(
    name: str,
    table: "AsyncTable",
    columns: Sequence[str] | None,
    where: str | None,
    version: int | None,
) -> pa.Table:
    if version is not None:
        await table.checkout(version)
    if await table.version() == 0:
        raise DamagedTableError(name)
    read_meta(name, await table.schema())
    query = table.query()
    if columns is not None:
        query = query.select(list(columns))
    if where is not None:
        query = query.where(where)
    return (await query.to_arrow()).replace_schema_metadata(None)


def _in_place(info: TableInfo | None) -> TableInfo | None:
    if info is not None and (other := misplaced(info)):
        raise DamagedTableError(f"table {info.name} {other}; materialize it again")
    return info
