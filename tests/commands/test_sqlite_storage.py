"""The kept connections write what Dagster's own storage writes and reads."""

import sqlite3
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef

from tshirt_assets.commands.instance import instance_in

try:
    from tshirt_assets.commands.sqlite_storage import KeptSqliteEventLog, with_kept_connections
except ImportError:
    pytest.skip("this Dagster has other parts: its own storage serves", allow_module_level=True)


@dg.asset
def one() -> int:
    return 1


def open_kept(home: Path) -> dg.DagsterInstance:
    home.mkdir(exist_ok=True)
    return instance_in(home)


def schema(file: Path) -> list[tuple[str, ...]]:
    with sqlite3.connect(file) as connection:
        query = "SELECT type, name, sql FROM sqlite_master ORDER BY name"
        return [
            *connection.execute(query),
            *connection.execute("SELECT * FROM alembic_version"),
            *connection.execute("PRAGMA journal_mode"),
        ]


def test_what_is_written_is_what_dagster_reads(tmp_path: Path) -> None:
    with open_kept(tmp_path / "kept") as kept:
        assert isinstance(kept.event_log_storage, KeptSqliteEventLog)
        runs = [dg.materialize([one], instance=kept).run_id for _ in range(4)]
    with dg.DagsterInstance.from_config(str(tmp_path / "kept")) as plain:
        assert not isinstance(plain.event_log_storage, KeptSqliteEventLog)
        assert [run.run_id for run in plain.get_runs()] == runs[::-1]
        assert len(plain.fetch_materializations(dg.AssetKey("one"), limit=9).records) == 4
        own = dg.materialize([one], instance=plain).run_id
        kinds = [
            [e.dagster_event.event_type_value for e in plain.all_logs(run) if e.dagster_event]
            for run in (own, *runs)
        ]
        assert all(found == kinds[0] for found in kinds)
        folder = Path(plain.event_log_storage._base_dir)  # type: ignore[attr-defined]
    assert schema(folder / f"{runs[-1]}.db") == schema(folder / f"{own}.db")
    with open_kept(tmp_path / "kept") as kept:
        assert len(kept.get_runs()) == 5


def test_another_storage_stays(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text(
        "event_log_storage:\n"
        "  module: dagster._core.storage.event_log\n"
        "  class: ConsolidatedSqliteEventLogStorage\n"
        f"  config: {{base_dir: {tmp_path / 'logs'}}}\n"
    )
    reference = InstanceRef.from_dir(str(tmp_path))
    assert with_kept_connections(reference) == reference
