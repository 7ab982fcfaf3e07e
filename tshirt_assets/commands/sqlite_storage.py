"""Dagster's SQLite storage for a process that makes many runs: connections are kept.

Dagster's own makes an engine for every statement: it connects, compiles the statement and reads
the schema again each time, which takes longer than the statement. The files are the same.
"""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.event_log.sqlite.sqlite_event_log import (
    INDEX_SHARD_NAME,
    SqliteEventLogStorage,
)
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.sql import get_alembic_config
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.pool import QueuePool

KEPT_RUNS: Final = 2  # event logs, each in a file of its own


def with_kept_connections(reference: InstanceRef) -> InstanceRef:
    """The reference of an instance, with this storage where it has Dagster's SQLite files."""
    storage = reference.storage_data
    own = (DagsterSqliteStorage.__module__, DagsterSqliteStorage.__name__)
    if storage is None or (storage.module_name, storage.class_name) != own:
        return reference
    kept = ConfigurableClassData(__name__, KeptSqliteStorage.__name__, storage.config_yaml)
    return reference._replace(storage_data=kept)


class KeptSqliteEventLog(SqliteEventLogStorage):
    """Dagster's event log, with the connections to its index and the latest runs kept."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None):
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._tables: set[str] = set()
        self._has_key_columns = False
        super().__init__(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock, self._engine(shard).connect() as connection, connection.begin():
            yield connection

    def has_table(self, table_name: str) -> bool:
        """Whether the index has a table; none is ever dropped."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def dispose(self) -> None:
        """Close the connections."""
        with self._db_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()
        super().dispose()

    def _initdb(self, engine: Engine, for_index_shard: bool = False) -> None:
        """Make the tables of a new file; only the first one asks what its revision is called."""
        with engine.connect() as connection:
            if for_index_shard or inspect(connection).get_table_names():
                super()._initdb(engine, for_index_shard)
                return
            connection.execute(text("PRAGMA journal_mode=WAL;"))
            SqlEventLogStorageMetadata.create_all(connection, checkfirst=False)
            MigrationContext.configure(connection).stamp(_scripts(), "head")
            connection.commit()

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        if not self._has_key_columns:
            found = super()._has_asset_key_col_on_connection(conn, column_name)
            self._has_key_columns = found
        return self._has_key_columns

    def _engine(self, shard: str) -> Engine:
        if shard not in self._engines:
            engine = _kept_engine(
                self.conn_string_for_shard(shard), {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
            )
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            self._engines[shard] = engine
            runs = [name for name in self._engines if name != INDEX_SHARD_NAME]
            for name in runs[:-KEPT_RUNS]:
                self._engines.pop(name).dispose()
        self._engines.move_to_end(shard)
        return self._engines[shard]


class KeptSqliteRuns(SqliteRunStorage):
    """Dagster's list of runs, with the connections to it kept."""

    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None):
        super().__init__(conn_string, inst_data)
        self._engine = _kept_engine(conn_string)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection in a transaction."""
        with self._engine.begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Close the connections."""
        self._engine.dispose()
        super().dispose()


class KeptSqliteStorage(DagsterSqliteStorage):
    """Dagster's SQLite files behind kept connections."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None):
        super().__init__(base_dir, inst_data)
        runs, events = self._run_storage, self._event_log_storage
        self._run_storage = KeptSqliteRuns(runs._conn_string)
        self._event_log_storage = KeptSqliteEventLog(events._base_dir)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> "KeptSqliteStorage":
        """The storage that a configuration describes."""
        return cls.from_local(inst_data=inst_data, **config_value)


@cache
def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(get_alembic_config(sqlite_event_log.__file__))


def _kept_engine(address: str, options: dict[str, Any] | None = None) -> Engine:
    """An engine whose connections stay open, for whatever thread of the process needs one."""
    arguments = {**(options or {}), "check_same_thread": False}
    return create_engine(address, poolclass=QueuePool, connect_args=arguments)
