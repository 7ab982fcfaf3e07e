"""What a killed run left beside its files is removed; what a living one writes is not."""

import os
from pathlib import Path

import pytest

from tshirt_assets.incremental.leftovers import (
    leftovers,
    remove_leftovers,
    staged_file,
    staged_folder,
)


def test_a_file_is_moved_over_the_old_one_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    target.write_text("old")
    with staged_file(target) as staged:
        staged.write_text("new")
        assert target.read_text() == "old"
        assert leftovers(tmp_path) == []  # it is being written
    assert target.read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(ValueError, match="no"), staged_file(target) as staged:
        raise ValueError("no")
    assert target.read_text() == "new"
    assert len(list(tmp_path.iterdir())) == 1


def test_the_next_writer_removes_what_was_left(tmp_path: Path) -> None:
    (tmp_path / ".best-abcd_123").mkdir()
    (tmp_path / ".best-abcd_123" / "rows.jsonl").write_text("half")
    (tmp_path / ".other-abcd_123").mkdir()
    with staged_folder(tmp_path / "best") as folder:
        assert {path.name for path in tmp_path.iterdir()} == {folder.name, ".other-abcd_123"}
        assert remove_leftovers(tmp_path) == [tmp_path / ".other-abcd_123"]
        assert folder.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_nothing_else_is_removed_and_no_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_text("kept")
    for name in (".hidden", "best-abcd1234", ".best-ABCD1234", ".git"):
        (tmp_path / name).write_text("kept")
    os.symlink(tmp_path / "kept", tmp_path / ".link-abcd1234")
    assert remove_leftovers(tmp_path) == []
    assert (tmp_path / "kept" / "file").exists()
