"""Records of JSON, JSONL, CSV, Parquet and Arrow files, streamed, faults included.

A record that cannot be read is a record too: it keeps its place and says what is wrong. Only a
file that cannot be read at all raises.
"""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import PurePath
from typing import Any, Protocol

from tshirt_assets.corpus.addresses import without_query
from tshirt_assets.corpus.arrow_ipc import arrow_records, index_arrow_rows
from tshirt_assets.corpus.bytestream import (
    Frames,
    StreamFault,
    byte_chunks,
    compression,
    content_version,
)
from tshirt_assets.corpus.csv_rows import CsvRows
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.json_elements import JsonElements
from tshirt_assets.corpus.json_lines import JsonLines, Line, holds_lines, parse_line
from tshirt_assets.corpus.kept_stream import Stream, keep, take
from tshirt_assets.corpus.parquet import count_parquet_rows, parquet_records
from tshirt_assets.corpus.places import FileIndex, Place, Places
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
    name = PurePath(without_query(path))
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
    path: str,
    start: int = 0,
    stop: int | None = None,
    *,
    max_row_bytes: int = MAX_ROW_BYTES,
    index: FileIndex | None = None,
) -> Iterator[Record]:
    """Records `start` up to `stop` of a file, in file order.

    Blank lines are not records. Bytes that are not UTF-8 become lone surrogates, so that only
    the field they are in suffers. A longer row of text than `max_row_bytes` is a fault, and never
    held. Where a file breaks off, one last record says so. `index`: of the file as it is, and for
    this `max_row_bytes`; reading begins near `start` then, and gives the same.

    Raises `CorpusError` for a file that cannot be read at all.
    """
    for item in read_items(path, start, stop, max_row_bytes=max_row_bytes, index=index):
        yield parse_line(item, max_row_bytes) if isinstance(item, Line) else item


def read_items(
    path: str,
    start: int = 0,
    stop: int | None = None,
    *,
    max_row_bytes: int = MAX_ROW_BYTES,
    index: FileIndex | None = None,
) -> Iterator[Line | Record]:
    """As `read_records`, where lines of JSON are not parsed yet."""
    match file_format(path):
        case "parquet":
            yield from parquet_records(path, start, stop)
        case "arrow":
            yield from arrow_records(path, start, stop, index.before(start) if index else None)
        case _:
            yield from _text_items(path, start, stop, max_row_bytes, index)


def index_records(path: str, *, max_row_bytes: int = MAX_ROW_BYTES) -> FileIndex:
    """The number of records that `read_records` gives, and where reading can begin.

    One pass; JSONL is not parsed, Parquet not even read. Raises `CorpusError` as `read_records`.
    """
    match file_format(path):
        case "parquet":
            return FileIndex(count_parquet_rows(path))
        case "arrow":
            return index_arrow_rows(path)
        case _:
            return _index_text(path, max_row_bytes)


class _TextReader(Protocol):
    """The records of a text file, from one place on."""

    def __iter__(self) -> Iterator[Line | Record]: ...

    def place(self) -> tuple[int, ...] | None:
        """Offset and state of the place behind the last record; None if it is none."""

    def layout(self) -> dict[str, Any]:
        """What the state needs to be of use, the same for all places."""


def _index_text(path: str, limit: int) -> FileIndex:
    frames, places = Frames(), Places()
    reader = _reader(path, limit, frames)
    rows = 0
    for rows, item in enumerate(reader, start=1):
        if rows < places.next or (isinstance(item, Record) and item.ends_early):
            continue
        place = reader.place()
        if place is not None:
            places.add(rows, place)
    return FileIndex(rows, None, reader.layout(), places.found, frames)


def _text_items(
    path: str, start: int, stop: int | None, limit: int, index: FileIndex | None
) -> Iterator[Line | Record]:
    if not compression(path) or stop is None:
        yield from islice(*_from_place(path, start, stop, limit, index))
        return
    source = (path, content_version(path), limit)
    stream = take(source, start)
    if stream is None:
        stream = Stream(source, start, islice(*_from_place(path, start, None, limit, index)))
    for item in islice(stream.items, max(0, stop - start)):
        stream.row += 1
        yield item
    if stream.row == stop and content_version(path) == source[1]:
        keep(stream)


def _from_place(
    path: str, start: int, stop: int | None, limit: int, index: FileIndex | None
) -> tuple[Iterator[Line | Record], int, int | None]:
    """The items from the last place in front of `start`, and the range of them that is wanted."""
    place = index.before(start) if index else None
    row = place.row if place else 0
    reader = _reader(path, limit, index.frames if index and place else None, place)
    return iter(reader), start - row, None if stop is None else max(stop - row, 0)


def _reader(
    path: str, limit: int, frames: Frames | None = None, place: Place | None = None
) -> _TextReader:
    chunks = byte_chunks(path, frames, place.offset if place else 0)
    if file_format(path) == "csv":
        return CsvRows(path, chunks, limit, place)
    if place is None:
        head, rest = _head(chunks)
        of_lines = holds_lines(head, rest is None)
        chunks = chain([head] if head else [], rest or ())
    else:
        of_lines = place.layout["lines"]
    return JsonLines(chunks, limit, place) if of_lines else JsonElements(path, chunks, limit, place)


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
