"""Folders that cannot be made or written, also where nothing exists yet."""

import os
from collections import namedtuple
from pathlib import Path

import pytest

from tests.preflight.inspected import inspection, write
from tshirt_assets.preflight.folders import folder_findings, unusable


def lines(folder: Path, **options: object) -> list[str]:
    return [finding.line for finding in folder_findings(inspection(folder, **options))]


def test_folders_that_do_not_exist_yet_are_fine_and_are_not_made(tmp_path: Path) -> None:
    assert lines(tmp_path, store="a/b/c", export_dir="d/e") == []
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    blocker = write(tmp_path / "file")
    assert lines(tmp_path, store="file/store", export_dir="file") == [
        f"store: {blocker} is no folder: the store path cannot be used; set `store` to a folder "
        "that can be created",
        f"export_dir: {blocker} is no folder: the path cannot be used; set `export_dir` to a "
        "folder that can be created",
    ]


def test_names_that_are_too_long_for_a_file_system(tmp_path: Path) -> None:
    long, deep = "é" * 128, "/".join(["a" * 200] * 20)
    said = lines(tmp_path, store=long, export_dir=deep)
    assert "is longer than 255 bytes" in said[0]
    assert "is longer than 3584 bytes" in said[1]
    assert all(len(line) < 250 for line in said)


def test_folders_that_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert lines(tmp_path)[0].startswith(f"store: {tmp_path} is not writable: the store path")


def test_read_only_file_systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: namedtuple("Flags", "f_flag")(os.ST_RDONLY))
    assert unusable(tmp_path / "x") == f"{tmp_path} is not writable"


def test_object_stores_are_for_tables_alone(tmp_path: Path) -> None:
    assert lines(tmp_path, store="s3://bucket/x") == []
    assert "only `store` may be an object store" in lines(tmp_path, export_dir="s3://bucket/x")[0]
