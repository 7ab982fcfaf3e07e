"""Rows of a CSV file; a row that is broken does not take the lines after it along."""

import csv
from collections import deque
from collections.abc import Iterator

from tshirt_assets.corpus.bytestream import LongLine, StreamFault, lines
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.records import EXCERPT, Record, one_line

LOOKAHEAD = 1 << 20  # bytes in which a row must end that is looked for after a broken one

LINE_OVERHEAD = 64  # bytes that a short line takes beside its text


def csv_records(path: str, chunks: Iterator[bytes], limit: int) -> Iterator[Record]:
    """Rows by the names of the header, which is the first line that is not blank.

    After a row that ends in a fault on a later line than it began, as behind a quote that is
    never closed, reading goes on at the next line that gives a row as wide as the header.

    Raises `CorpusError` where there is no header.
    """
    csv.field_size_limit(max(csv.field_size_limit(), limit))
    source = _Source(lines(chunks, limit), limit)
    reader = csv.reader(source, strict=True)
    header: list[str] = []
    while True:
        source.begin()
        place = f"line {source.number + 1}"
        try:
            values = next(reader)
        except StopIteration:
            break
        except Exception as error:  # csv.Error, and what a longer row than allowed raises
            if not header:
                raise CorpusError(f"{path}: {place}: not a CSV header ({error})") from None
            yield _broken(source, place, one_line(error), len(header))
            continue
        if not header:
            header = values
        elif len(values) == len(header):
            yield Record(dict(zip(header, values, strict=True)))
        elif values:
            reason = f"{len(values)} fields where the header has {len(header)}"
            cut = len(values) < len(header) and source.without_newline
            reason += "; the file ends without a newline here" if cut else ""
            text = ",".join(values)[:EXCERPT]
            yield Record({}, fault=f"{place}: {reason}", text=text, ends_early=cut)
    if source.broken:
        fault = f"after line {source.number}: {source.broken}"
        yield Record({}, fault=fault, ends_early=True)


class _TooLong(ValueError):
    pass


class _Source:
    """The lines as text, of which those of the present row can be given back."""

    def __init__(self, found: Iterator[bytes], limit: int) -> None:
        self.found, self.limit = found, limit
        self.again: deque[str] = deque()
        self.taken: list[str] = []
        self.size = 0
        self.number = 0
        self.broken = ""

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
        self.taken.append(line)
        self.number += 1
        self.size += len(line) + LINE_OVERHEAD
        if too_long or self.size > self.limit:
            raise _TooLong(f"longer than max_row_bytes ({self.limit:,}), or a quote is not closed")
        return line


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
