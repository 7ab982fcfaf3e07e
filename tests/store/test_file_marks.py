"""Whatever is done to a file gives its folder another mark."""

import os
import shutil
from pathlib import Path

from tshirt_assets.store.file_marks import folder_mark


def test_every_change_is_seen_and_reading_is_none(tmp_path: Path) -> None:
    folder = tmp_path / "table"
    (folder / "data").mkdir(parents=True)
    assert folder_mark(folder) is None
    file = folder / "data" / "a"
    file.write_bytes(b"one")
    marks = [folder_mark(folder)]
    file.read_bytes()
    assert folder_mark(folder) == marks[0]

    stat = file.stat()
    file.write_bytes(b"two")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    marks.append(folder_mark(folder))
    (folder / "b").write_bytes(b"")
    marks.append(folder_mark(folder))
    file.rename(folder / "data" / "c")
    marks.append(folder_mark(folder))
    shutil.copytree(folder, tmp_path / "copy")
    marks.append(folder_mark(tmp_path / "copy"))
    assert len(set(marks)) == len(marks)
    assert folder_mark(tmp_path / "nothing") is None
