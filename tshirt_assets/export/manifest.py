"""The manifest of an export: which files it has, and what they were made from."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator

from tshirt_assets.export.exported import MANIFEST
from tshirt_assets.incremental.facts import Facts, Provenance

SEAL: Final = "sha256"
"""Key of the hash over all else that a manifest says; those of earlier versions have none."""

_PLAIN_NAME: Final = re.compile(r"[^/\\\x00-\x1f]+")


def _plain_name(name: str) -> str:
    """A file name, which leads nowhere else: a manifest is never a reason to read other files."""
    if name in (".", "..") or not _PLAIN_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a file in the folder of the manifest")
    return name


FileName = Annotated[str, AfterValidator(_plain_name)]


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
    files: dict[FileName, ManifestFile]
    provenance: Provenance

    def text(self) -> str:
        """The manifest as JSON."""
        values = self.model_dump(mode="json", exclude={"provenance"})
        values["provenance"] = self.provenance.shown()
        values[SEAL] = _seal(values)
        return json.dumps(values, ensure_ascii=False, indent=2) + "\n"

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The manifest of an export; None where there is none, or none that can be read.

        One that names files outside its folder cannot be read.
        """
        try:
            return cls.model_validate_json((folder / MANIFEST).read_bytes())
        except (OSError, ValueError):  # what pydantic raises is a ValueError
            return None


def is_unchanged(folder: Path) -> bool | None:
    """Whether a manifest that can be read is as it was written; None where it does not say."""
    values = json.loads((folder / MANIFEST).read_bytes())
    return None if SEAL not in values else values.pop(SEAL) == _seal(values)


def _seal(values: dict[str, Any]) -> str:
    text = json.dumps(values, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


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
