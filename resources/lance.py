"""The store: one Lance table per corpus, asset and shard, replaced as a whole.

Why one table each: shards are replaced at once by several processes, and only whole-table
overwrites are both atomic and free of conflicts between shards.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from tshirt_assets.resources.database import Database
from tshirt_assets.resources.faults import DamagedTableError, StoreError

if TYPE_CHECKING:
    from lancedb.table import Table

    from tshirt_assets.resources.staging import Staging

__all__ = ["SCHEMA_VERSION", "Store", "StoreError", "TableInfo", "table_name"]

SCHEMA_VERSION = 1  # of the columns and metadata of all tables; raised when readers must change
STAGING_PREFIX = "_staging."  # corpus names start with a letter
OPEN_AT_ONCE = 8  # threads of a listing


@dataclass(frozen=True, slots=True)
class TableInfo:
    """One version of one stored table, without its rows."""

    name: str
    version: int
    rows: int
    meta: dict[str, str]  # what the writer gave, and corpus, asset, shard (if any), schema_version


class Store:
    """Tables of all corpora under one LanceDB URI. Values of `storage_options` are never shown.

    Several processes may use one store. Writes are atomic and last one wins; reads see one
    version. All methods raise `StoreError` with the remedy. Not for use across a fork.
    """

    def __init__(self, uri: str, storage_options: Mapping[str, str] | None = None):
        self.database = Database(uri, storage_options)

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
        with suppress(DamagedTableError):
            self.info(corpus, asset, shard)  # raises rather than overwrite a newer package's table
        full = full_meta(corpus, asset, shard, meta)
        version = self.database.replace(name, table.replace_schema_metadata(full))
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
        with suppress(DamagedTableError):
            self.info(corpus, asset, shard)
        full = full_meta(corpus, asset, shard, meta)
        rows = 0

        def checked() -> Iterator[pa.RecordBatch]:
            nonlocal rows
            rows = 0
            for batch in batches():
                check_vectors(name, pa.Table.from_batches([batch]))
                rows += batch.num_rows
                yield batch

        version = self.database.replace_by_batches(name, schema.with_metadata(full), checked)
        return TableInfo(name, version, rows, full)

    def info(self, corpus: str, asset: str, shard: str | None = None) -> TableInfo | None:
        """Version, row count and metadata; None when there is no readable table."""
        return self.inspect(table_name(corpus, asset, shard))

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
        name = table_name(corpus, asset, shard)
        with self.database.reporting(f"table {name}"):
            rows = self._scan(name, columns, where, version).read_all()
        return rows.replace_schema_metadata(None)

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
        with self.database.reporting(f"table {name}"):
            scan = self._scan(name, columns, where, version)
        return self._batches(name, scan)

    def stored(self, corpus: str, asset: str | None = None) -> list[TableInfo]:
        """All readable tables of an asset, or of a corpus, ordered by name.

        The shard key of a table is in `meta["shard"]`.
        """
        own = table_name(corpus, asset, None) if asset else corpus
        names = [n for n in self.database.names() if n == own or n.startswith(f"{own}.")]

        def readable(name: str) -> TableInfo | None:
            with suppress(DamagedTableError):
                return self.inspect(name)
            return None

        with ThreadPoolExecutor(OPEN_AT_ONCE) as threads:
            found = threads.map(readable, names)
        return [info for info in found if info is not None]

    def inspect(self, name: str) -> TableInfo | None:
        """`info` of a table by its stored name."""
        table = self.database.open(name)
        if table is None:
            return None
        with self.database.reporting(f"table {name}"):
            return TableInfo(name, table.version, table.count_rows(), read_meta(name, table))

    def corpora(self) -> list[str]:
        """Names of the corpora that have tables."""
        names = self.database.names()
        return sorted({n.split(".")[0] for n in names if not n.startswith(STAGING_PREFIX)})

    def drop(self, corpus: str, asset: str, shard: str | None = None) -> None:
        """Delete a table with all its versions, also one that cannot be opened."""
        self.database.drop(table_name(corpus, asset, shard))

    def staging(self, corpus: str, asset: str, shard: str | None, identity: str) -> "Staging":
        """Where the finished chunks of a shard wait until the shard is written."""
        from tshirt_assets.resources.staging import Staging

        meta = full_meta(corpus, asset, shard, {"identity": identity})
        return Staging(self.database, STAGING_PREFIX + table_name(corpus, asset, shard), meta)

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
        read_meta(name, table)
        query = table.search()
        if columns is not None:
            query = query.select(list(columns))
        if where is not None:
            query = query.where(where)
        return query.to_batches()

    def _batches(self, name: str, scan: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        while True:
            with self.database.reporting(f"table {name}"):
                try:
                    batch = scan.read_next_batch()
                except StopIteration:
                    return
            yield batch


def table_name(corpus: str, asset: str, shard: str | None) -> str:
    """`corpus.asset`, or `corpus.asset.slug-hash` for a shard: letters, digits, `_`, `-` and `.`.

    Different shard keys get different names by a 48-bit hash of the key.
    """
    for part in (corpus, asset):
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", part):
            raise StoreError(f"{part!r} cannot name a corpus or asset; use letters, digits and _")
    if shard is None:
        return f"{corpus}.{asset}"
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", shard)[:60].strip("-")
    key = hashlib.blake2b(shard.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return f"{corpus}.{asset}.{slug}-{key}"


def full_meta(
    corpus: str, asset: str, shard: str | None, meta: Mapping[str, str]
) -> dict[str, str]:
    """`meta` with the keys that the store adds to every table."""
    place = {"corpus": corpus, "asset": asset, "schema_version": str(SCHEMA_VERSION)}
    return {**meta, **place, **({} if shard is None else {"shard": shard})}


def read_meta(name: str, table: "Table") -> dict[str, str]:
    """Metadata of an open table. Raises `StoreError` when a newer, or no, package wrote it."""
    meta = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    if "schema_version" not in meta:
        raise DamagedTableError(
            f"table {name} is damaged or was not written by this package; materialize its shard "
            "again, or restore it from a backup"
        )
    version = int(meta["schema_version"])
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"table {name} has schema version {version}, this package reads up to "
            f"{SCHEMA_VERSION}; upgrade tshirt-assets (or use another `store`)"
        )
    return meta


def check_vectors(name: str, table: pa.Table) -> None:
    """Raise `StoreError` when a vector holds NaN or infinity: Lance indexes fail on those."""
    for field, column in zip(table.schema, table.columns, strict=True):
        if not pa.types.is_fixed_size_list(field.type):
            continue
        if not pa.types.is_floating(field.type.value_type):
            continue
        for chunk in column.chunks:
            if not np.isfinite(chunk.flatten().to_numpy(zero_copy_only=False)).all():
                raise StoreError(
                    f"table {name}: column {field.name!r} holds vectors with NaN or infinity; "
                    "give those rows a status and a null vector"
                )
