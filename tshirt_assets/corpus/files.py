"""Records of JSON, JSONL, CSV, Parquet and Arrow files, streamed, faults included.

A record that cannot be read is a record too: it keeps its place and says what is wrong. Only a
file that cannot be read at all raises.
"""

import codecs
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import PurePath

from tshirt_assets.corpus.arrow_ipc import arrow_records, count_arrow_rows
from tshirt_assets.corpus.bytestream import StreamFault, byte_chunks, compression
from tshirt_assets.corpus.csv_rows import csv_records
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.json_lines import Line, holds_lines, json_lines, parse_line, record_of
from tshirt_assets.corpus.json_stream import Refused, json_values
from tshirt_assets.corpus.json_window import Fault
from tshirt_assets.corpus.parquet import count_parquet_rows, parquet_records
from tshirt_assets.corpus.records import MAX_ROW_BYTES, Record

FORMATS = {
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".csv": "csv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}
HEAD = 1 << 18  # bytes by which the layout of JSON is told


def file_format(path: str) -> str:
    """`json`, `csv`, `parquet` or `arrow`, by the ending of the name without .gz or .zst.

    Raises `CorpusError` for any other ending.
    """
    name = PurePath(path)
    ending = PurePath(name.stem).suffix if compression(path) else name.suffix
    if ending.lower() not in FORMATS:
        raise CorpusError(
            f"{path}: not a supported format; use {', '.join(FORMATS)} (plain, .gz or .zst), "
            "or narrow the pattern in `paths`"
        )
    return FORMATS[ending.lower()]


def is_supported(path: str) -> bool:
    """Whether `file_format` knows the ending of the name."""
    try:
        file_format(path)
    except CorpusError:
        return False
    return True


def read_records(
    path: str, start: int = 0, stop: int | None = None, *, max_row_bytes: int = MAX_ROW_BYTES
) -> Iterator[Record]:
    """Records `start` up to `stop` of a file, in file order.

    Blank lines are not records. Bytes that are not UTF-8 become lone surrogates, so that only
    the field they are in suffers. A longer row of text than `max_row_bytes` is a fault, and never
    held. Where a file breaks off, one last record says so.

    Raises `CorpusError` for a file that cannot be read at all.
    """
    match file_format(path):
        case "parquet":
            yield from parquet_records(path, start, stop)
        case "arrow":
            yield from arrow_records(path, start, stop)
        case _:
            for item in islice(_text_records(path, max_row_bytes), start, stop):
                yield parse_line(item, max_row_bytes) if isinstance(item, Line) else item


def count_records(path: str, *, max_row_bytes: int = MAX_ROW_BYTES) -> int:
    """Number of records that `read_records` gives; JSONL is not parsed, Parquet not even read."""
    match file_format(path):
        case "parquet":
            return count_parquet_rows(path)
        case "arrow":
            return count_arrow_rows(path)
        case _:
            return sum(1 for _ in _text_records(path, max_row_bytes))


def _text_records(path: str, limit: int) -> Iterator[Line | Record]:
    chunks = byte_chunks(path)
    if file_format(path) == "csv":
        return csv_records(path, chunks, limit)
    head, rest = _head(chunks)
    whole = rest is None
    chunks = chain([head] if head else [], rest or ())
    return json_lines(chunks, limit) if holds_lines(head, whole) else _values(path, chunks, limit)


def _head(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes] | None]:
    """The beginning of the content, and what follows it: None where it is all there is."""
    parts: list[bytes] = []
    size = 0
    try:
        for chunk in chunks:
            parts.append(chunk)
            size += len(chunk)
            if size >= HEAD:
                return b"".join(parts), chunks
    except StreamFault as fault:
        return b"".join(parts), _raising(fault)
    return b"".join(parts), None


def _raising(fault: StreamFault) -> Iterator[bytes]:
    raise fault
    yield b""


def _values(path: str, chunks: Iterator[bytes], limit: int) -> Iterator[Record]:
    decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
    try:
        for number, value in enumerate(json_values(map(decode, chunks), limit), start=1):
            if not isinstance(value, Fault):
                yield record_of(value, f"element {number}")
                continue
            place = f"after element {number - 1}" if value.ends else f"element {number}"
            fault = f"{place}: {value.reason}"
            yield Record({}, fault=fault, text=value.text, ends_early=value.ends)
    except Refused as refusal:
        raise CorpusError(f"{path}: {refusal}") from None
