"""The manifest of an export: which files it has, and what they were made from."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from tshirt_assets.export.exported import MANIFEST
from tshirt_assets.incremental.facts import Facts, Provenance


class ManifestFile(Facts):
    """What the manifest says of one file; `left_out`: rows that its format cannot hold."""

    rows: int
    left_out: int = 0
    sha256: str


class Manifest(Facts):
    """The files of a subset by name, with their rows and SHA-256, and its provenance."""

    corpus: str
    recipe: str
    rows: int
    files: dict[str, ManifestFile]
    provenance: Provenance

    def text(self) -> str:
        """The manifest as JSON."""
        values = self.model_dump(mode="json", exclude={"provenance"})
        values["provenance"] = self.provenance.shown()
        return json.dumps(values, ensure_ascii=False, indent=2) + "\n"

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The manifest of an export; None where there is none, or none that can be read."""
        try:
            return cls.model_validate_json((folder / MANIFEST).read_bytes())
        except (OSError, ValueError):  # what pydantic raises is a ValueError
            return None


def file_faults(folder: Path, manifest: Manifest) -> Iterator[tuple[str, str]]:
    """(file name, what is wrong) of every file that is missing or has another SHA-256."""
    for name, recorded in manifest.files.items():
        try:
            with (folder / name).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            yield name, f"cannot be read ({error.strerror})"
            continue
        if digest != recorded.sha256:
            yield name, "is not the file that was exported (its SHA-256 differs)"
