"""Judgements in files that people and other programs write: CSV and JSONL, in and out."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import polars as pl

from tshirt_assets.incremental.catalog import SAMPLES
from tshirt_assets.incremental.judgements import (
    FIELDS,
    WHO_CHARACTERS,
    Judgement,
    JudgementError,
    read_judgements,
    record,
)
from tshirt_assets.incremental.leftovers import staged_file
from tshirt_assets.store.store import Store

EXPORTED: Final = ("sample_id", *FIELDS, "who", "at")
KNOWN: Final = (*EXPORTED, "shard", "row")
FORMATS: Final = (".csv", ".jsonl")


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a file. recorded: entries that said something new, of `lines`; faults: a
    sentence for each line that is no judgement.
    """

    recorded: int
    lines: int
    faults: tuple[str, ...]


def import_judgements(store: Store, corpus: str, path: Path, who: str = "") -> Imported:
    """Record what a file says; lines that are no judgement are left out, and told.

    A line names its row by `sample_id` or else by `shard` and `row`, and says `verdict`, `label`,
    `note`. An empty cell, and a field that is left out, leave what was said before; in JSONL null
    takes it back. `who` and `at` of a line, as an export has them, count; for the others it is
    `who` and now. Raises `JudgementError` for a file that cannot be read, `StoreError`.
    """
    entries: list[Judgement] = []
    faults: list[str] = []
    places = _Places(store, corpus)
    total = 0
    for number, values in _lines(path):
        total += 1
        try:
            entries.append(_entry(values, places, who))
        except JudgementError as error:
            faults.append(f"{path.name}:{number}: {error}")
    return Imported(record(store, corpus, entries), total, tuple(faults))


def export_judgements(store: Store, corpus: str, path: Path) -> int:
    """Write what was said last of each row to a CSV or JSONL file; the number of rows.

    Raises `JudgementError` for another ending or a file that cannot be written, `StoreError`.
    """
    _check_ending(path)
    judged = read_judgements(store, corpus).select(EXPORTED)
    written = judged.with_columns(pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00"))
    try:
        with staged_file(path) as staged:
            if path.suffix == ".csv":
                written.write_csv(staged)
            else:
                written.write_ndjson(staged)
    except OSError as error:
        raise JudgementError(f"{path}: cannot be written ({error.strerror})") from None
    return judged.height


class _Places:
    """The sample ids of rows, by shard and row; a shard is read when it is first asked for."""

    def __init__(self, store: Store, corpus: str):
        self._store, self._corpus = store, corpus
        self._shards: dict[str, dict[int, str]] = {}

    def sample_id(self, shard: Any, row: Any) -> str:
        """The sample id of a row. Raises `JudgementError` where there is none."""
        if not isinstance(shard, str) or not shard or row in (None, ""):
            raise JudgementError("names no row; write sample_id, or shard and row")
        if shard not in self._shards:
            self._shards[shard] = self._read(shard)
        try:
            return self._shards[shard][int(row)]
        except (KeyError, ValueError, TypeError):
            raise JudgementError(f"{shard!r} has no row {row!r} in this corpus") from None

    def _read(self, shard: str) -> dict[int, str]:
        if self._store.info(self._corpus, SAMPLES.name, shard) is None:
            return {}
        table = self._store.read(self._corpus, SAMPLES.name, shard, columns=["row", "sample_id"])
        return dict(zip(table["row"].to_pylist(), table["sample_id"].to_pylist(), strict=True))


def _entry(values: "Mapping[str, Any] | JudgementError", places: _Places, who: str) -> Judgement:
    if isinstance(values, JudgementError):
        raise values
    unknown = values.keys() - set(KNOWN)
    if unknown:
        raise JudgementError(f"unknown field {min(unknown)!r}; there are: {', '.join(KNOWN)}")
    said = {name: values[name] for name in FIELDS if name in values}
    sample_id = values.get("sample_id") or places.sample_id(values.get("shard"), values.get("row"))
    entry = Judgement.of({"sample_id": sample_id, **said})
    return replace(entry, who=_who(values.get("who")) or who, at=_at(values.get("at")))


def _who(value: Any) -> str:
    if value in (None, ""):
        return ""
    if not isinstance(value, str) or not value.isprintable() or len(value) > WHO_CHARACTERS:
        raise JudgementError(f"who: write a name of at most {WHO_CHARACTERS} characters")
    return value


def _at(value: Any) -> datetime | None:
    if value in (None, ""):
        return None
    try:
        at = datetime.fromisoformat(value)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError):
        raise JudgementError(f"at: {value!r} is no time such as 2026-11-27T12:00:00Z") from None


def _lines(path: Path) -> Iterator[tuple[int, "Mapping[str, Any] | JudgementError"]]:
    """The number of each line of a file, and what it holds or what is wrong with it."""
    _check_ending(path)
    try:
        with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
            yield from _csv_lines(file) if path.suffix == ".csv" else _json_lines(file)
    except OSError as error:
        raise JudgementError(f"{path}: cannot be read ({error.strerror})") from None


def _csv_lines(file: Any) -> Iterator[tuple[int, "Mapping[str, Any] | JudgementError"]]:
    reader = csv.DictReader(file, restkey="", strict=True)
    while True:
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, JudgementError(f"is no line of a CSV file ({error})")
            continue
        if "" in values or None in values.values():
            yield reader.line_num, JudgementError("has another number of cells than the first line")
        else:
            said = {name: text for name, text in values.items() if text != ""}
            yield reader.line_num, said


def _json_lines(file: Any) -> Iterator[tuple[int, "Mapping[str, Any] | JudgementError"]]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            values = None
        fits = isinstance(values, dict)
        yield number, values if fits else JudgementError("is no JSON object")


def _check_ending(path: Path) -> None:
    if path.suffix not in FORMATS:
        raise JudgementError(f"{path}: its name must end in {' or '.join(FORMATS)}")
