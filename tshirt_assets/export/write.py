"""Write the files of one selected subset, so that a reader sees the old file or the new one."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from tshirt_assets.export.card import dataset_card, dataset_name
from tshirt_assets.export.formats import JSON_RECORDS, Record, dataset_info_entry

FILE_NAMES: Final = {
    "messages": "messages.jsonl",
    "alpaca": "alpaca.json",
    "sharegpt": "sharegpt.json",
    "parquet": "subset.parquet",
    "dataset_info": "dataset_info.json",
    "card": "README.md",
    "manifest": "manifest.json",
}


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One written file. `rows` is 0 for files that hold no rows."""

    path: Path
    format: str
    rows: int
    bytes: int
    sha256: str


def write_exports(
    rows: pl.DataFrame,
    directory: Path,
    *,
    corpus: str,
    recipe: str,
    formats: Sequence[str],
    token_weights: Mapping[str, Sequence[float]] | None,
    provenance: Mapping[str, Any],
) -> list[ExportedFile]:
    """Write the subset in `formats`, with dataset_info.json, a card and a manifest.

    `rows` are the selected samples joined with their scores in order of rank, as
    `tshirt_assets.export.subset.join_selected` returns them. `token_weights` maps sample_id to
    one weight per response token and adds the column `token_weights` to messages and Parquet.

    All files are written to a folder beside `directory` first and then moved over the old ones,
    each atomically, the manifest (with every file's SHA-256) last; files of formats no longer
    asked for are removed. Raises `OSError` where the disk refuses.
    """
    if token_weights is not None:
        weights = [token_weights.get(key) for key in rows["sample_id"]]
        rows = rows.with_columns(pl.Series("token_weights", weights, pl.List(pl.Float32)))
    directory.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
    try:
        staged = list(_stage(rows, staging, corpus, recipe, formats, provenance))
        return _publish(staged, directory)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _stage(
    rows: pl.DataFrame,
    staging: Path,
    corpus: str,
    recipe: str,
    formats: Sequence[str],
    provenance: Mapping[str, Any],
) -> Iterator[ExportedFile]:
    data = [_write_rows(rows, staging, name) for name in formats]
    info = {
        f"{dataset_name(corpus, recipe)}_{file.format}": dataset_info_entry(
            file.format, file.path.name
        )
        for file in data
        if file.format in JSON_RECORDS
    }
    card = dataset_card(rows, data, corpus=corpus, recipe=recipe, provenance=provenance)
    files = [
        *data,
        *([_write_text(staging, "dataset_info", _json(info))] if info else []),
        _write_text(staging, "card", card),
    ]
    manifest = {
        "corpus": corpus,
        "recipe": recipe,
        "rows": rows.height,
        "files": {file.path.name: {"rows": file.rows, "sha256": file.sha256} for file in files},
        "provenance": provenance,
    }
    yield from files
    yield _write_text(staging, "manifest", _json(manifest))


def _publish(staged: Sequence[ExportedFile], directory: Path) -> list[ExportedFile]:
    published = [replace(file, path=directory / file.path.name) for file in staged]
    kept = {file.path.name for file in published}
    for old, new in zip(staged, published, strict=True):
        if new.format == "manifest":
            for name in set(FILE_NAMES.values()) - kept:
                (directory / name).unlink(missing_ok=True)
        os.replace(old.path, new.path)
    return published


def _write_rows(rows: pl.DataFrame, staging: Path, name: str) -> ExportedFile:
    path = staging / FILE_NAMES[name]
    if name == "parquet":
        rows.write_parquet(path)
        return _finished(path, name, rows.height)
    converted = (JSON_RECORDS[name](row) for row in rows.iter_rows(named=True))
    records = (record for record in converted if record is not None)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        count = _write_lines(file, records, array=path.suffix == ".json")
    return _finished(path, name, count)


def _write_lines(file: Any, records: Iterable[Record], *, array: bool) -> int:
    """Write JSON Lines, or the same lines as one JSON array; return how many."""
    count = 0
    for record in records:
        if array:
            file.write(",\n" if count else "[\n")
        file.write(json.dumps(record, ensure_ascii=False, allow_nan=False))
        file.write("" if array else "\n")
        count += 1
    if array:
        file.write("\n]\n" if count else "[]\n")
    return count


def _write_text(staging: Path, name: str, text: str) -> ExportedFile:
    path = staging / FILE_NAMES[name]
    path.write_text(text, encoding="utf-8", newline="\n")
    return _finished(path, name, 0)


def _finished(path: Path, name: str, rows: int) -> ExportedFile:
    with path.open("rb+") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    return ExportedFile(path, name, rows, path.stat().st_size, digest)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n"
