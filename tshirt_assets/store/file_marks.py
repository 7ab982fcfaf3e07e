"""By what the file system says of files: whether any of them was written to since a moment."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


def folder_mark(folder: Path) -> str | None:
    """Hash of the names, sizes and times of all files below a folder; None where there is none.

    It is another one after anything was written, moved or copied there, and after the machine was
    started anew, as a power failure may leave less on the disk than was written. The time of a
    file's last change, which counts, cannot be set back.
    """
    digest = hashlib.blake2b(_boot(), digest_size=8)
    found = sorted(_files(folder, ""))
    for line in found:
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest() if found else None


def _files(folder: str | Path, below: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = f"{below}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    yield from _files(entry.path, name)
                else:
                    yield f"{name} {facts(entry.stat())}\n"
    except OSError:  # gone meanwhile: without its files the mark is another one
        return


def facts(stat: os.stat_result) -> str:
    """What of a file is another after it was written, replaced or copied."""
    return f"{stat.st_ino} {stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"


def _boot() -> bytes:
    try:
        return _BOOT.read_bytes()
    except OSError:  # another system than Linux
        return b""
