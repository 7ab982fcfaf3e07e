"""LanceDB tables by name: open, replace, append, drop, list. Crash-safe and for many processes.

Every operation opens the table afresh: a handle stays at the version it was opened with. A
`Database` may be used by several threads, and connects again in a forked child, but LanceDB
itself is not safe to fork while it works: start processes with `spawn`.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import pyarrow as pa

from tshirt_assets.config.credentials import UnsetVariable, in_address, resolved, secrets_in
from tshirt_assets.store import event_loop
from tshirt_assets.store.faults import (
    DamagedTableError,
    StoreError,
    explained,
    is_failure,
    is_missing,
    is_panic,
    retried,
)
from tshirt_assets.store.table_info import same_meta
from tshirt_assets.store.torn_manifests import set_aside_torn_manifests

if TYPE_CHECKING:
    from lancedb.db import AsyncConnection, DBConnection
    from lancedb.table import AsyncTable, Table

Result = TypeVar("Result")

OPEN_AT_ONCE = 8  # tables
# Files of new tables. Later versions of the format compress: a table of texts then takes 0.6 of the
# disk, but five times as long to be written, and more than twice as long to be read.
FORMAT = {"new_table_data_storage_version": "2.0"}

# Vectors were checked by the caller; "null" lets the null vectors of failed rows through.
WRITING: dict[str, Any] = {"on_bad_vectors": "null"}
SUFFIX = ".lance"  # of a table's folder

logger = logging.getLogger(__name__)


class Database:
    """A folder (created with its parents when missing) or `s3://bucket/prefix` of Lance tables.

    `${NAME}` in a value of `storage_options` reads an environment variable when the database is
    first used. No value of `storage_options` appears in errors or in the repr. Raises
    `StoreError` for a URI with credentials in it, which would.
    """

    def __init__(self, uri: str, storage_options: Mapping[str, str] | None = None):
        if in_address(uri):
            raise StoreError(
                "the address of the store holds credentials and would be shown and logged; give "
                "them as storage_options instead, as ${NAME} of an environment variable"
            )
        self.uri = uri.removeprefix("file://")
        self._options = dict(storage_options or {})
        self._connection: tuple[int, DBConnection] | None = None
        self._async: tuple[int, AsyncConnection] | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.uri!r})"

    @property
    def is_local(self) -> bool:
        """True when the tables are folders of this machine."""
        return "://" not in self.uri

    def names(self) -> list[str]:
        """Names of all tables, also of those that cannot be opened (half-created ones)."""
        names: list[str] = []
        token: str | None = None
        with self.reporting("the list of tables"):
            self.connection()  # makes the folder
            if self.is_local:  # as LanceDB does it, at a tenth of the time
                with os.scandir(self.uri) as entries:
                    found = [entry.name for entry in entries]
                return sorted(n.removesuffix(SUFFIX) for n in found if n.endswith(SUFFIX))
            while True:
                page = self.connection().list_tables(page_token=token)
                names.extend(page.tables)
                token = page.page_token
                if not token:
                    return sorted(names)

    def open(self, name: str, version: int | None = None) -> "Table | None":
        """The table at its latest or the given version; None where no table was ever completed.

        Raises `StoreError` when the version was pruned, or the table is damaged beyond repair.
        """
        with self.reporting(f"table {name}"):
            self.connection()  # a store that cannot be opened is no damaged table
        with self.reading(name):
            return self._open(name, version)

    def each(
        self, names: Sequence[str], action: "Callable[[str, AsyncTable], Awaitable[Result]]"
    ) -> list[Result | BaseException | None]:
        """Result, or failure, of `action` on each of these tables, several at a time.

        None where there is no table. Whatever an action does costs one change to the event loop
        and back, not one per call as with the synchronous interface. Nothing is repaired or
        explained here.
        """
        if not names:
            return []
        with self.reporting("many tables" if len(names) > 1 else f"table {''.join(names)}"):
            self.connection()  # makes the folder
            return event_loop.wait_for(self._each(names, action))

    async def _each(
        self, names: Sequence[str], action: "Callable[[str, AsyncTable], Awaitable[Result]]"
    ) -> list[Result | BaseException | None]:
        connection = await self._async_connection()
        gate = asyncio.Semaphore(OPEN_AT_ONCE)

        async def one(name: str) -> Result | BaseException | None:
            async with gate:
                try:
                    return await action(name, await connection.open_table(name))
                except BaseException as error:
                    if not is_failure(error):
                        raise
                    return None if is_missing(error) else error

        return await asyncio.gather(*map(one, names))

    async def _async_connection(self) -> "AsyncConnection":
        if self._async is None or self._async[0] != os.getpid():
            import lancedb

            options = FORMAT | self._resolved()
            self._async = (
                os.getpid(),
                await lancedb.connect_async(self.uri, storage_options=options),
            )
        return self._async[1]

    def replace(self, name: str, table: pa.Table) -> int:
        """Put `table` (with its schema and schema metadata) in the place of the old one.

        Atomic: readers see the old or the new table. Returns the version written.
        """
        return self._put(name, table, append=False)

    def replace_by_batches(
        self, name: str, schema: pa.Schema, batches: Callable[[], Iterable[pa.RecordBatch]]
    ) -> int:
        """Like `replace`, in bounded memory; `batches` gives all rows anew at every call."""

        def reader() -> pa.RecordBatchReader:
            return pa.RecordBatchReader.from_batches(schema, batches())

        return self._write(name, schema, reader, append=False)

    def append(self, name: str, table: pa.Table) -> int:
        """Add the rows of `table`, all or none, to a table with the same columns and metadata.

        Any other table of this name is replaced. Returns the version written. Where two processes
        create the table at once, LanceDB lets the second one replace the first one's rows.
        """
        return self._put(name, table, append=True)

    def drop(self, name: str) -> None:
        """Delete a table with all its versions; no error when there is none."""
        with self.reporting(f"table {name}"):
            try:
                self.connection().drop_table(name)
            except ValueError as error:
                if not is_missing(error):
                    raise

    def optimize(self, name: str, older_than: timedelta) -> None:
        """Merge small files; delete versions older than `older_than`, except the latest."""

        def commit() -> None:
            table = self._open(name)
            if table is not None:
                table.optimize(cleanup_older_than=older_than)

        with self.reporting(f"table {name}"):
            retried(commit)

    def connection(self) -> "DBConnection":
        """The LanceDB connection of this process. It knows the secrets: never log it."""
        if self._connection is None or self._connection[0] != os.getpid():
            import lancedb

            if self.is_local:
                Path(self.uri).mkdir(parents=True, exist_ok=True)
            connection = lancedb.connect(self.uri, storage_options=FORMAT | self._resolved())
            self._connection = (os.getpid(), connection)
        return self._connection[1]

    def _resolved(self) -> dict[str, str]:
        """The storage options with the values of their variables: secret."""
        return {key: _resolved(key, value) for key, value in self._options.items()}

    @contextmanager
    def reporting(self, subject: str, *, reading: bool = False) -> Iterator[None]:
        """Turn any failure inside into a `StoreError` about `subject` that holds no secrets."""
        try:
            yield
        except StoreError:
            raise
        except BaseException as error:
            if not is_failure(error):
                raise
            about = f"{self.uri}: {subject}"
            # `from None`: the original message may hold what must not be shown.
            raise explained(
                about, error, secrets_in(self._options.values()), reading=reading
            ) from None

    def reading(self, name: str) -> AbstractContextManager[None]:
        """Like `reporting`, around the reading of a table: see `explained` for what is damage."""
        return self.reporting(f"table {name}", reading=True)

    def _put(self, name: str, table: pa.Table, *, append: bool) -> int:
        """Write into a table that is there in one change to the event loop; else as `_write`."""

        async def put(name: str, stored: "AsyncTable") -> int:
            if await stored.version() == 0:
                raise DamagedTableError(name)  # see `_open`
            mode = _mode(await stored.schema(), table.schema, append=append)
            return (await stored.add(table, mode=mode, **WRITING)).version

        [version] = self.each([name], put)
        if isinstance(version, int):
            return version
        return self._write(name, table.schema, lambda: table, append=append)

    def _write(
        self,
        name: str,
        schema: pa.Schema,
        data: Callable[[], pa.Table | pa.RecordBatchReader],
        *,
        append: bool,
    ) -> int:
        def commit() -> int:
            stored = self._open_unless_damaged(name)
            if stored is None:
                return self.connection().create_table(name, data(), **WRITING).version
            mode = _mode(stored.schema, schema, append=append)
            try:
                return stored.add(data(), mode=mode, **WRITING).version
            except Exception as error:
                if not isinstance(explained(name, error, ()), DamagedTableError):
                    raise
                self._drop_damaged(name)
            return self.connection().create_table(name, data(), **WRITING).version

        with self.reporting(f"table {name}"):
            try:
                return retried(commit)
            except Exception as error:
                if not is_panic(error):
                    raise
                # Other writers do not make every single try panic: the old table does.
                self._drop_damaged(name)
                return commit()

    def _open_unless_damaged(self, name: str) -> "Table | None":
        try:
            return self._open(name)
        except Exception as error:
            if not isinstance(explained(name, error, (), reading=True), DamagedTableError):
                raise
            self._drop_damaged(name)
            return None

    def _drop_damaged(self, name: str) -> None:
        logger.warning("table %s is damaged: deleted, to be written again", name)
        self.drop(name)

    def _open(self, name: str, version: int | None = None) -> "Table | None":
        try:
            table = self.connection().open_table(name, version=version)
            if table.version > 0:
                return table
            raise RuntimeError("invalid magic: a manifest of zeros")  # Lance takes it for version 0
        except ValueError as error:
            if is_missing(error):
                return None
            if "no longer exists" in str(error):
                raise StoreError(
                    f"{self.uri}: table {name}: version {version} was pruned; select again from "
                    "the present tables, and keep old versions longer (retention window)"
                ) from None
            raise
        except Exception:
            if not (self.is_local and set_aside_torn_manifests(Path(self.uri) / f"{name}.lance")):
                raise
            return self._open(name, version)


def _mode(stored: pa.Schema, new: pa.Schema, *, append: bool) -> Literal["append", "overwrite"]:
    same = stored.names == new.names and same_meta(stored, new)
    return "append" if append and same else "overwrite"


def _resolved(key: str, value: str) -> str:
    try:
        return resolved(value)
    except UnsetVariable as unset:
        [name] = unset.args
        raise StoreError(
            f"storage_options.{key} refers to ${{{name}}}, which is not set; "
            f"export {name} before the store is opened"
        ) from None
