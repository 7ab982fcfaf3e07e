"""Full disks, and disks that are too small for the tables to come."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from tests.preflight.inspected import GOOD, inspection, write
from tshirt_assets.preflight.disk_space import disk_findings, estimated_bytes

Usage = namedtuple("Usage", "total used free")


def free(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(size, 0, size))


def test_a_full_disk_stops_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 20 << 20)
    store, exports = disk_findings(inspection(tmp_path))
    assert (store.stops_a_run, exports.place) == (True, "export_dir")
    assert store.line == (
        f"store: the disk of {tmp_path}/store has 20 MiB left; free at least 100 MiB, or set "
        "`store` to a folder elsewhere"
    )


def test_a_disk_that_is_too_small_for_the_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "rows/a.jsonl", *[GOOD] * 50)
    corpus = inspection(tmp_path)
    free(monkeypatch, 200 << 20)
    assert list(disk_findings(corpus)) == []
    corpus.samples[0].size = 100 << 20
    [warning] = disk_findings(corpus)
    assert warning.severity == "warning"
    assert warning.line.startswith("store: the tables will need about")
    assert warning.line.endswith("200 MiB left; free some, or set `store` to a folder elsewhere")


def test_what_the_tables_need_follows_from_rows_and_text(tmp_path: Path) -> None:
    write(tmp_path / "rows/a.jsonl", *[GOOD] * 50)
    one = estimated_bytes(inspection(tmp_path))
    assert 50 * 1024 * 4 < one < 50 * 1024 * 4 * 10
    write(tmp_path / "rows/b.jsonl", *[GOOD] * 50)
    assert estimated_bytes(inspection(tmp_path)) == 2 * one
    assert estimated_bytes(inspection(tmp_path, paths=["none/*"])) == 0
