"""The manifest is read back as it was written; whatever else lies there is no manifest."""

import json
from pathlib import Path
from typing import get_args

import pytest

from tests.export.rows import PROVENANCE
from tshirt_assets.config import ExportFormat
from tshirt_assets.export.exported import MANIFEST
from tshirt_assets.export.formats import FORMATS
from tshirt_assets.export.manifest import Manifest, ManifestFile, file_faults

WHOLE = Manifest(
    corpus="demo",
    recipe="best",
    rows=3,
    files={"a.jsonl": ManifestFile(rows=3, sha256="0" * 64)},
    provenance=PROVENANCE,
)


def values(**changes: object) -> str:
    return json.dumps(json.loads(WHOLE.text()) | changes)


def test_it_comes_back_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(WHOLE.text())
    assert Manifest.read(tmp_path) == WHOLE
    assert json.loads(WHOLE.text())["provenance"] == PROVENANCE.shown()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '"manifest"',
        "{}",
        values(files=[]),
        values(files={"a": 1}),
        values(files={"a": {"rows": "many", "sha256": "0"}}),
        values(files={"a": {"rows": 1}}),
        values(provenance=None),
        values(provenance=[1]),
        values(rows=None),
        values(recipe={"name": "best"}),
        '{"corpus": "\\ud800"}',
    ],
)
def test_another_shape_is_no_manifest(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    assert Manifest.read(tmp_path) is None


def test_bytes_that_are_no_text_are_no_manifest(tmp_path: Path) -> None:
    assert Manifest.read(tmp_path) is None
    (tmp_path / MANIFEST).write_bytes(b"\xff\xfe{}")
    assert Manifest.read(tmp_path) is None


def test_missing_and_changed_files_are_faults(tmp_path: Path) -> None:
    assert [name for name, _ in file_faults(tmp_path, WHOLE)] == ["a.jsonl"]
    (tmp_path / "a.jsonl").write_text("other")
    [(_, problem)] = file_faults(tmp_path, WHOLE)
    assert "its SHA-256 differs" in problem


def test_every_export_of_the_options_is_a_format() -> None:
    assert set(get_args(ExportFormat)) == set(FORMATS)
