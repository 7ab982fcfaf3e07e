"""The folders that a run writes to: whether they can be made and written."""

import os
from collections.abc import Iterator
from pathlib import Path

from tshirt_assets.preflight.finding import Finding
from tshirt_assets.preflight.inspection import Inspection
from tshirt_assets.store.database import Database

LONGEST_PART = 255  # bytes of the name of a file, on every usual file system
LONGEST_PATH = 4096 - 512  # bytes of a path, less those of the tables and files below it


def output_folders(inspection: Inspection) -> dict[str, Path]:
    """The folders that a run writes to on this machine, by the option that names them."""
    config = inspection.config
    database = Database(config.store)
    folders = {"store": Path(database.uri)} if database.is_local else {}
    return folders | {"export_dir": Path(config.export_dir)}


def folder_findings(inspection: Inspection) -> Iterator[Finding]:
    """Folders that can be neither made nor written; nothing is made."""
    if "://" in inspection.config.export_dir:
        yield Finding(
            "error",
            "export_dir",
            f"{inspection.config.export_dir} is no folder of this machine",
            "set `export_dir` to a folder; only `store` may be an object store",
        )
        return
    for key, folder in output_folders(inspection).items():
        subject = {"store": "the store path", "export_dir": "the path"}[key]
        cause = unusable(folder)
        if cause is not None:
            yield Finding(
                "error",
                key,
                f"{cause}: {subject} cannot be used",
                f"set `{key}` to a folder that can be created",
            )


def unusable(folder: Path) -> str | None:
    """Why a folder can be neither made nor written; None where it can. Nothing is written."""
    if any(len(os.fsencode(part)) > LONGEST_PART for part in folder.parts):
        return f"a part of {str(folder)[:60]}... is longer than {LONGEST_PART} bytes"
    if len(os.fsencode(folder)) > LONGEST_PATH:
        return f"{str(folder)[:60]}... is longer than {LONGEST_PATH} bytes"
    nearest = existing(folder)
    if not nearest.is_dir():
        return f"{nearest} is no folder"
    read_only = os.statvfs(nearest).f_flag & os.ST_RDONLY
    if read_only or not os.access(nearest, os.W_OK | os.X_OK):
        return f"{nearest} is not writable"
    return None


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists; a file if one is in the way."""
    return next((path for path in (folder, *folder.parents) if os.path.lexists(path)), folder)
