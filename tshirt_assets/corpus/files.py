"""Records of JSON, JSONL, CSV and Parquet files, streamed, faults included.

A record that cannot be read is a record too: it keeps its place and says what is wrong. Only a
file that cannot be read at all raises.
"""

import codecs
import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import PurePath
from typing import Any

from tshirt_assets.corpus.bytestream import StreamFault, byte_chunks, lines
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.json_array import ArrayFault, array_elements
from tshirt_assets.corpus.parquet import count_parquet_rows, parquet_rows

FORMATS = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
}
EXCERPT = 2000  # characters of an unreadable record that are kept
MAX_FIELD = 1 << 26  # characters of one CSV field; the limit of the csv module is far too low


@dataclass(frozen=True, slots=True)
class Record:
    """One record as found: its fields, or a `fault` and an excerpt of the text it was found in."""

    fields: dict[str, Any]
    fault: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a JSONL file that is not parsed yet; `number` counts from 1."""

    number: int
    data: bytes


def file_format(path: str) -> str:
    """`json`, `jsonl`, `csv` or `parquet`, by the ending of the name without .gz or .zst.

    Raises `CorpusError` for any other ending.
    """
    name = PurePath(path)
    ending = PurePath(name.stem).suffix if name.suffix in (".gz", ".zst") else name.suffix
    if ending.lower() not in FORMATS:
        raise CorpusError(
            f"{path}: not a supported format; use {', '.join(FORMATS)} (plain, .gz or .zst), "
            "or narrow the pattern in `paths`"
        )
    return FORMATS[ending.lower()]


def read_records(path: str, start: int = 0, stop: int | None = None) -> Iterator[Record]:
    """Records `start` up to `stop` of a file, in file order.

    Blank lines are not records. Bytes that are not UTF-8 become lone surrogates, so that only
    the field they are in suffers. Where a file breaks off, one last record says so.

    Raises `CorpusError` for a file that cannot be read at all.
    """
    if file_format(path) == "parquet":
        for row in parquet_rows(path, start, stop):
            yield Record({}, fault=row) if isinstance(row, str) else Record(row)
        return
    for item in islice(_text_records(path), start, stop):
        yield _parse_line(item) if isinstance(item, _Line) else item


def count_records(path: str) -> int:
    """Number of records that `read_records` gives; JSONL is not parsed, Parquet not even read."""
    if file_format(path) == "parquet":
        return count_parquet_rows(path)
    return sum(1 for _ in _text_records(path))


def _text_records(path: str) -> Iterator[_Line | Record]:
    chunks = byte_chunks(path)
    kind = file_format(path)
    if kind == "csv":
        return _csv_records(path, chunks)
    if kind == "json":
        # Many files named .json hold one object per line.
        first = next(chunks, b"")
        chunks = chain([first] if first else [], chunks)
        head = first.lstrip()
        if head.startswith(b"["):
            return _array_records(chunks)
        if head.split(b"\n", 1)[0].strip() == b"{":
            raise CorpusError(
                f"{path}: holds one JSON object over several lines; "
                "write an array of rows, or one row per line"
            )
    return _json_lines(chunks)


def _json_lines(chunks: Iterator[bytes]) -> Iterator[_Line | Record]:
    number = 0
    try:
        for number, data in enumerate(lines(chunks), start=1):
            if data.strip():
                yield _Line(number, data)
    except StreamFault as fault:
        yield Record({}, fault=f"after line {number}: {fault}")


def _parse_line(line: _Line) -> Record:
    text = line.data.decode("utf-8", "surrogateescape").strip("\ufeff \t\r\n")
    try:
        value = json.loads(text)
    except RecursionError:
        reason = "nested too deeply"
    except json.JSONDecodeError as error:
        cut = "" if line.data.endswith(b"\n") else "; the file ends without a newline here"
        reason = f"{error.msg} (column {error.colno}){cut}"
    except ValueError as error:  # a number with thousands of digits
        reason = str(error)
    else:
        return _record_of(value, f"line {line.number}")
    return Record({}, fault=f"line {line.number}: {reason}", text=text[:EXCERPT])


def _record_of(value: Any, place: str) -> Record:
    if isinstance(value, dict):
        return Record(value)
    fault = f"{place}: a JSON {type(value).__name__}, not an object"
    return Record({}, fault=fault, text=json.dumps(value)[:EXCERPT])


def _array_records(chunks: Iterator[bytes]) -> Iterator[Record]:
    decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
    number = 0
    try:
        for number, value in enumerate(array_elements(map(decode, chunks)), start=1):
            yield _record_of(value, f"element {number}")
    except ArrayFault as fault:
        yield Record({}, fault=f"after element {number}: {fault}")


def _csv_records(path: str, chunks: Iterator[bytes]) -> Iterator[Record]:
    csv.field_size_limit(max(csv.field_size_limit(), MAX_FIELD))
    texts = (line.decode("utf-8", "surrogateescape") for line in lines(chunks))
    reader = csv.reader(texts, strict=True)
    header: list[str] = []
    while True:
        place = f"line {reader.line_num + 1}"
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if not header:
                raise CorpusError(f"{path}: {place}: not a CSV header ({error})") from None
            yield Record({}, fault=f"{place}: {error}")
        except StreamFault as fault:
            yield Record({}, fault=f"after {place}: {fault}")
            return
        else:
            if not values:
                continue
            if not header:
                header = values
            elif len(values) == len(header):
                yield Record(dict(zip(header, values, strict=True)))
            else:
                fault_text = f"{place}: {len(values)} fields where the header has {len(header)}"
                yield Record({}, fault=fault_text, text=",".join(values)[:EXCERPT])
