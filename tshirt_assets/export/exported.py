"""One exported file, and the names of those that belong to no format."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

DATASET_INFO: Final = "dataset_info.json"
CARD: Final = "README.md"
MANIFEST: Final = "manifest.json"


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One written file; `rows` is 0 for those that hold none: card, manifest, dataset_info."""

    path: Path
    format: str
    rows: int
    bytes: int
    sha256: str
