"""Tables that only grow: what people have written cannot be computed again, so nothing replaces it.

`Store.write` replaces a table, also one that is damaged. Rows of a log are added to what is there,
by several processes at once, and a log that cannot be opened is left for a person to mend.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import pyarrow as pa

from tshirt_assets.store.database import Database
from tshirt_assets.store.faults import DamagedTableError, retried
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import full_meta, sealed, table_name

REMEDY = "restore it from a backup, or move it away to begin anew; nothing was added or deleted"


def append_rows(
    store: Store, corpus: str, asset: str, rows: pa.Table, meta: Mapping[str, str] | None = None
) -> None:
    """Add rows to the log of a corpus, all or none; the first rows make the table.

    Raises `DamagedTableError` where it cannot be opened, and never deletes it.
    """
    name = table_name(corpus, asset, None)
    schema = rows.schema.with_metadata(sealed(full_meta(corpus, asset, None, meta or {})))
    _create_if_missing(store.database, name, schema)
    _add(store.database, name, rows)


def _create_if_missing(database: Database, name: str, schema: pa.Schema) -> None:
    """An empty table, where there is none.

    LanceDB lets a second process that creates the table at the same time replace the first one's
    rows. The lock keeps those of one machine apart; elsewhere the rows replaced are put back.
    """
    with _creating(database):
        if _open(database, name) is not None:
            return
        with database.reporting(f"table {name}"), suppress(ValueError):  # another one has made it
            created = database.connection().create_table(name, schema.empty_table())
            if created.version == 1:
                return
            created.checkout(created.version - 1)
            replaced = created.to_arrow()
            if replaced.num_rows:
                _add(database, name, replaced.replace_schema_metadata(None))


def _add(database: Database, name: str, rows: pa.Table) -> None:
    def commit() -> None:
        table: Any = _open(database, name)
        table.add(rows.replace_schema_metadata(table.schema.metadata), mode="append")

    with database.reporting(f"table {name}"):
        retried(commit)


def _open(database: Database, name: str) -> Any:
    try:
        return database.open(name)
    except DamagedTableError as error:
        raise DamagedTableError(f"table {name} cannot be opened ({error}); {REMEDY}") from None


@contextmanager
def _creating(database: Database) -> Iterator[None]:
    """One process of this machine at a time, where the store is a folder."""
    import fcntl  # POSIX only

    database.connection()  # makes the folder
    if not database.is_local:
        yield
        return
    descriptor = os.open(database.uri, os.O_RDONLY)
    try:
        with suppress(OSError):  # a network file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
