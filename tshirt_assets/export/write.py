"""Write the files of one selected subset, so that a reader sees the old file or the new one."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import polars as pl

from tshirt_assets.config.card_options import CardOptions
from tshirt_assets.export.card import dataset_card, dataset_infos, dataset_name
from tshirt_assets.export.exported import CARD, DATASET_INFO, MANIFEST, ExportedFile
from tshirt_assets.export.formats import FORMATS, OPTIONAL, Format, Record
from tshirt_assets.export.manifest import Manifest, ManifestFile
from tshirt_assets.export.notes import export_notes
from tshirt_assets.export.turns import with_tools_text
from tshirt_assets.incremental.facts import Provenance
from tshirt_assets.incremental.leftovers import staged_folder

WRITTEN: Final = {CARD, DATASET_INFO, MANIFEST, *(form.file_name for form in FORMATS.values())}
"""Every file that an export may consist of; what is not asked for any more is removed."""


def write_exports(
    rows: pl.DataFrame,
    directory: Path,
    *,
    corpus: str,
    recipe: str,
    formats: Sequence[str],
    token_weights: Mapping[str, Sequence[float]] | None,
    provenance: Provenance,
    card: CardOptions,
) -> list[ExportedFile]:
    """Write the subset in `formats`, with dataset_info.json, a card and a manifest.

    `rows` are the selected samples joined with their scores in order of rank, as
    `tshirt_assets.export.subset.join_selected` returns them. `token_weights` maps sample_id to
    one weight per response token and adds the column `token_weights` to files of messages and
    Parquet. `card` is what the card is told beside what it can find out.

    All files are written to a folder beside `directory` first and then moved over the old ones,
    each atomically, the manifest (with every file's SHA-256) last; files of formats no longer
    asked for are removed. Raises `OSError` where the disk refuses.
    """
    if token_weights is not None:
        weights = [token_weights.get(key) for key in rows["sample_id"]]
        rows = rows.with_columns(pl.Series("token_weights", weights, pl.List(pl.Float32)))
    directory.mkdir(parents=True, exist_ok=True)
    with staged_folder(directory) as staging:
        staged = list(_stage(rows, staging, corpus, recipe, formats, provenance, card))
        return _publish(staged, directory)


def _stage(
    rows: pl.DataFrame,
    staging: Path,
    corpus: str,
    recipe: str,
    formats: Sequence[str],
    provenance: Provenance,
    options: CardOptions,
) -> Iterator[ExportedFile]:
    data = [_write_rows(rows, staging, FORMATS[name]) for name in formats]
    info = dataset_infos(rows, formats, dataset_name(corpus, recipe))
    card = dataset_card(
        rows,
        data,
        corpus=corpus,
        recipe=recipe,
        provenance=provenance,
        options=options,
        notes=export_notes(rows, data),
    )
    files = [
        *data,
        *([_write_text(staging / DATASET_INFO, "dataset_info", _json(info))] if info else []),
        _write_text(staging / CARD, "card", card),
    ]
    manifest = Manifest(
        corpus=corpus,
        recipe=recipe,
        rows=rows.height,
        files={
            file.path.name: ManifestFile(
                rows=file.rows,
                left_out=rows.height - file.rows if file in data else 0,
                sha256=file.sha256,
            )
            for file in files
        },
        provenance=provenance,
    )
    yield from files
    yield _write_text(staging / MANIFEST, "manifest", manifest.text())


def _publish(staged: Sequence[ExportedFile], directory: Path) -> list[ExportedFile]:
    published = [replace(file, path=directory / file.path.name) for file in staged]
    kept = {file.path.name for file in published}
    for old, new in zip(staged, published, strict=True):
        if new.path.name == MANIFEST:
            for name in WRITTEN - kept:
                (directory / name).unlink(missing_ok=True)
        os.replace(old.path, new.path)
    return published


def _write_rows(rows: pl.DataFrame, staging: Path, form: Format) -> ExportedFile:
    path = staging / form.file_name
    if form.record is None:
        rows.write_parquet(path)
        return _finished(path, form.name, rows.height)
    rows = with_tools_text(rows)
    empty = [name for name in OPTIONAL if rows[name].is_in(["", None], nulls_equal=True).all()]
    converted = (form.record(row) for row in rows.drop(empty).iter_rows(named=True))
    records = (record for record in converted if record is not None)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        count = _write_lines(file, records, array=path.suffix == ".json")
    return _finished(path, form.name, count)


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


def _write_text(path: Path, kind: str, text: str) -> ExportedFile:
    path.write_text(text, encoding="utf-8", newline="\n")
    return _finished(path, kind, 0)


def _finished(path: Path, name: str, rows: int) -> ExportedFile:
    with path.open("rb+") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    return ExportedFile(path, name, rows, path.stat().st_size, digest)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n"
