"""How many bytes the stored tables will need, roughly, against what the disk holds."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from tshirt_assets.preflight.file_sample import FileSample
from tshirt_assets.preflight.finding import Finding
from tshirt_assets.preflight.folders import existing, output_folders, unusable
from tshirt_assets.preflight.inspection import Inspection

LEAST_FREE = 100 << 20  # bytes
PACKED = 4  # times that compressed and columnar files grow when they are unpacked
VECTOR_WIDTH = 1024  # of the usual large embedder
COPIES_OF_TEXT = 2  # samples and search
COPIES_OF_VECTOR = 2  # embeddings and search
CHARACTERS_PER_TOKEN = 4
BYTES_PER_NUMBER = 4  # float32, of vectors and token deltas
BYTES_OF_SCORES = 500  # per row, over all tables


def disk_findings(inspection: Inspection) -> Iterator[Finding]:
    """Disks that are full, and one of the store that holds less than its tables will need."""
    for key, folder in output_folders(inspection).items():
        if unusable(folder) is not None:
            continue
        free = shutil.disk_usage(existing(folder)).free
        left = f"the disk of {folder} has {_size(free)} left"
        elsewhere = f"or set `{key}` to a folder elsewhere"
        if free < LEAST_FREE:
            remedy = f"free at least {_size(LEAST_FREE)}, {elsewhere}"
            yield Finding("error", key, left, remedy)
        elif key == "store" and free < (missing := _missing_bytes(inspection, folder)):
            problem = f"the tables will need about {_size(missing)} more, {left}"
            yield Finding("warning", key, problem, f"free some, {elsewhere}")


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


def _missing_bytes(inspection: Inspection, store: Path) -> int:
    """Bytes that the tables will need beyond those of the ones that are there already."""
    tables = store.glob(f"{inspection.config.name}.*")
    files = (file for table in tables for file in table.rglob("*") if file.is_file())
    return estimated_bytes(inspection) - sum(file.stat().st_size for file in files)


def _size(size: float) -> str:
    return f"{size / (1 << 30):,.1f} GiB" if size >= 1 << 30 else f"{size / (1 << 20):,.0f} MiB"
