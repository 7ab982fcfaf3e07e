"""Whether exported files are still those that their manifest names."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tshirt_assets.export.write import FILE_NAMES


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of an export; None where there is none, or none that can be read."""
    try:
        manifest = json.loads((folder / FILE_NAMES["manifest"]).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) and "files" in manifest else None


def file_faults(folder: Path, manifest: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(file name, what is wrong) of every file that is missing or has another SHA-256."""
    for name, recorded in manifest["files"].items():
        try:
            with (folder / name).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            yield name, f"cannot be read ({error.strerror})"
            continue
        if digest != recorded["sha256"]:
            yield name, "is not the file that was exported (its SHA-256 differs)"
