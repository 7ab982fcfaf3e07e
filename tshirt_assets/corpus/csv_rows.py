"""Rows of a CSV file; a row that is broken does not take the lines after it along."""

import csv
from collections import deque
from collections.abc import Iterator
from typing import Any

from tshirt_assets.corpus.bytestream import LongLine, StreamFault, line_end, lines
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.places import Place
from tshirt_assets.corpus.records import EXCERPT, Record, one_line

LOOKAHEAD = 1 << 20  # bytes in which a row must end that is looked for after a broken one

LINE_OVERHEAD = 64  # bytes that a short line takes beside its text


class CsvRows:
    """Rows by the names of the header, which is the first line that is not blank.

    After a row that ends in a fault on a later line than it began, as behind a quote that is
    never closed, reading goes on at the next line that gives a row as wide as the header.

    Iterating raises `CorpusError` where there is no header.
    """

    def __init__(
        self, path: str, chunks: Iterator[bytes], limit: int, place: Place | None = None
    ) -> None:
        csv.field_size_limit(max(csv.field_size_limit(), limit))
        self._path = path
        self._source = _Source(chunks, limit, place)
        self._header: list[str] = place.layout["header"] if place else []

    def __iter__(self) -> Iterator[Record]:
        source, header = self._source, self._header
        reader = csv.reader(source, strict=True)
        while True:
            source.begin()
            place = f"line {source.number + 1}"
            try:
                values = next(reader)
            except StopIteration:
                break
            except CorpusError:  # the file, of which no line could be read
                raise
            except Exception as error:  # csv.Error, and what a longer row than allowed raises
                if not header:
                    reason = f"not a CSV header ({error})"
                    raise CorpusError(f"{self._path}: {place}: {reason}") from None
                yield _broken(source, place, one_line(error), len(header))
                continue
            if not header:
                self._header = header = values
            elif len(values) == len(header):
                yield Record(dict(zip(header, values, strict=True)))
            elif values:
                yield _of_other_width(source, place, values, len(header))
        if source.broken:
            fault = f"after line {source.number}: {source.broken}"
            yield Record({}, fault=fault, ends_early=True)

    def place(self) -> tuple[int, ...] | None:
        """The bytes and lines so far, unless lines behind them were looked at already."""
        return None if self._source.again else (self._source.offset, self._source.number)

    def layout(self) -> dict[str, Any]:
        """The header, and how lines end."""
        return {"header": self._header, "end": self._source.end.decode()}


class _TooLong(ValueError):
    pass


class _Source:
    """The lines as text, of which those of the present row can be given back."""

    def __init__(self, chunks: Iterator[bytes], limit: int, place: Place | None) -> None:
        self.limit = limit
        self.again: deque[str] = deque()
        self.taken: list[str] = []
        self.size = 0
        self.offset = place.offset if place else 0  # bytes of the lines found so far
        self.number = place.state[0] if place else 0
        self.end: bytes = place.layout["end"].encode() if place else b""
        self.found = self._lines(chunks)
        self.broken = ""

    def _lines(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        if not self.end:
            self.end, chunks = line_end(chunks)
        yield from lines(chunks, self.limit, self.end)

    def begin(self) -> None:
        """Forget the lines of the row before."""
        self.taken, self.size = [], 0

    def give_back(self, keep: int) -> None:
        """Give the taken lines back, except for the first `keep`."""
        back = self.taken[keep:]
        self.again.extendleft(reversed(back))
        self.number -= len(back)
        self.begin()

    @property
    def without_newline(self) -> bool:
        """Whether the last line that was taken ends without a newline."""
        return not self.taken[-1].endswith(("\n", "\r"))

    def __iter__(self) -> "Iterator[str]":
        return self

    def __next__(self) -> str:
        if self.again:
            line, too_long = self.again.popleft(), False
        else:
            try:
                data = next(self.found)
            except StreamFault as fault:
                self.broken = str(fault)
                raise StopIteration from None
            line, too_long = data.decode("utf-8", "surrogateescape"), isinstance(data, LongLine)
            self.offset += data.size if isinstance(data, LongLine) else len(data)
        self.taken.append(line)
        self.number += 1
        self.size += len(line) + LINE_OVERHEAD
        if too_long or self.size > self.limit:
            raise _TooLong(f"longer than max_row_bytes ({self.limit:,}), or a quote is not closed")
        return line


def _of_other_width(source: _Source, place: str, values: list[str], width: int) -> Record:
    reason = f"{len(values)} fields where the header has {width}"
    cut = len(values) < width and source.without_newline
    reason += "; the file ends without a newline here" if cut else ""
    text = ",".join(values)[:EXCERPT]
    return Record({}, fault=f"{place}: {reason}", text=text, ends_early=cut)


def _broken(source: _Source, place: str, reason: str, width: int) -> Record:
    """The fault of the row whose lines were taken last; the source is then at the next row."""
    text = source.taken[0].rstrip("\r\n")[:EXCERPT]
    if len(source.taken) == 1:
        cut = source.without_newline and reason == "unexpected end of data"
        return Record({}, fault=f"{place}: {reason}", text=text, ends_early=cut)
    source.give_back(1)
    limit, source.limit = source.limit, min(source.limit, LOOKAHEAD)
    passed, found = 0, False
    reader = csv.reader(source, strict=True)
    while not found:
        source.begin()
        try:
            values = next(reader)
        except StopIteration:
            break
        except Exception:
            values = []
        found = len(values) == width
        if found:
            source.give_back(0)
        else:
            passed += bool("".join(source.taken).strip())
            source.give_back(1)
    source.limit = limit
    if passed:
        reason += f"; {passed} lines after it give no row and were passed over"
    ends = passed > 0 and not found and not source.broken  # else a record of its own says so
    return Record({}, fault=f"{place}: {reason}", text=text, ends_early=ends)
