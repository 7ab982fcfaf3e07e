"""How many bytes the stored tables will need, roughly, against what the disk holds."""

from collections.abc import Iterator
from pathlib import Path

from tshirt_assets.preflight.file_sample import FileSample
from tshirt_assets.preflight.finding import Finding
from tshirt_assets.preflight.folders import LEAST_FREE, free_bytes, output_folders, unusable
from tshirt_assets.preflight.inspection import Inspection

PACKED = 4  # times that compressed and columnar files grow when they are unpacked
VECTOR_WIDTH = 1024  # of the usual large embedder
COPIES_OF_TEXT = 2  # samples and search
COPIES_OF_VECTOR = 2  # embeddings and search
CHARACTERS_PER_TOKEN = 4
BYTES_PER_NUMBER = 4  # float32, of vectors and token deltas
BYTES_OF_SCORES = 500  # per row, over all tables


def disk_findings(inspection: Inspection) -> Iterator[Finding]:
    """A warning where the disk of the store holds less than its tables will need."""
    folder = output_folders(inspection).get("store")
    if folder is None or unusable(folder) is not None:
        return
    missing = estimated_bytes(inspection) - _stored_bytes(folder, inspection.config.name)
    free = free_bytes(folder)
    if LEAST_FREE <= free < missing:
        yield Finding(
            "warning",
            "store",
            f"the tables will need about {_gib(missing)} more, the disk of {folder} has "
            f"{_gib(free)} left",
            "free some, or set `store` to a folder elsewhere",
        )


def estimated_bytes(inspection: Inspection) -> int:
    """Bytes of all tables of a corpus, from the sizes of its files and their first rows."""
    samples = inspection.samples
    share = len(samples) / max(1, len(inspection.listed[0]))
    return round(sum(map(_bytes_of, samples)) / share) if samples else 0


def _bytes_of(sample: FileSample) -> float:
    if not sample.rows:
        return 0.0
    packed = sample.path.endswith((".gz", ".zst")) or sample.format == "parquet"
    text = float(sample.size * (PACKED if packed else 1))
    rows = text / max(1.0, sample.characters / sample.rows)
    numbers = COPIES_OF_VECTOR * rows * VECTOR_WIDTH + text / CHARACTERS_PER_TOKEN
    return COPIES_OF_TEXT * text + BYTES_PER_NUMBER * numbers + BYTES_OF_SCORES * rows


def _stored_bytes(store: Path, corpus: str) -> int:
    """Bytes of the tables that are there already."""
    files = (file for table in store.glob(f"{corpus}.*") for file in table.rglob("*"))
    return sum(file.stat().st_size for file in files if file.is_file())


def _gib(size: float) -> str:
    return f"{size / (1 << 30):,.1f} GiB"
