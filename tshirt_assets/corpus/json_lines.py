"""JSON with one value per line, and whether a text is that."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tshirt_assets.corpus.bytestream import LongLine, StreamFault, line_end, lines
from tshirt_assets.corpus.json_decoder import DECODER
from tshirt_assets.corpus.json_window import CUT_MARGIN
from tshirt_assets.corpus.places import Place
from tshirt_assets.corpus.records import EXCERPT, TURN_FIELDS, Record

AROUND = "\ufeff, \t\r\n"  # what may stand around the value of a line
_NOTHING = object()


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a JSONL file that is not parsed yet; `number` counts from 1."""

    number: int
    data: bytes


class JsonLines:
    """The lines that are not blank, and a last record where the content breaks off."""

    def __init__(self, chunks: Iterator[bytes], limit: int, place: Place | None = None) -> None:
        self._chunks, self._limit = chunks, limit
        self._offset = place.offset if place else 0
        self._number = place.state[0] if place else 0
        self._end: bytes = place.layout["end"].encode() if place else b""

    def __iter__(self) -> Iterator[Line | Record]:
        try:
            if not self._end:
                self._end, self._chunks = line_end(self._chunks)
            for data in lines(self._chunks, self._limit, self._end):
                self._number += 1
                self._offset += data.size if isinstance(data, LongLine) else len(data)
                if data.strip():
                    yield Line(self._number, data)
        except StreamFault as fault:
            yield Record({}, fault=f"after line {self._number}: {fault}", ends_early=True)

    def place(self) -> tuple[int, ...] | None:
        """The bytes and lines so far."""
        return self._offset, self._number

    def layout(self) -> dict[str, Any]:
        """How lines end."""
        return {"lines": True, "end": self._end.decode()}


def parse_line(line: Line, limit: int) -> Record:
    """The record of a line, a fault included."""
    text = line.data.decode("utf-8", "surrogateescape").strip(AROUND)
    cut = False
    if isinstance(line.data, LongLine):
        reason = f"longer than max_row_bytes ({limit:,})"
    else:
        try:
            return record_of(DECODER.decode(text), f"line {line.number}")
        except json.JSONDecodeError as error:
            reason = f"{error.msg} (column {error.colno})"
            at_end = error.pos >= len(text) or error.msg.startswith("Unterminated string")
            cut = at_end and not line.data.endswith((b"\n", b"\r"))
        except RecursionError:
            reason = "nested too deeply"
        except Exception as error:  # a number with thousands of digits, for example
            reason = str(error)
    reason += "; the file ends without a newline here" if cut else ""
    fault = f"line {line.number}: {reason}"
    return Record({}, fault=fault, text=text[:EXCERPT], ends_early=cut)


def record_of(value: Any, place: str) -> Record:
    """The record that a JSON value is; only an object is a good one."""
    if isinstance(value, dict):
        return Record(value)
    fault = f"{place}: a JSON {type(value).__name__}, not an object"
    return Record({}, fault=fault, text=json.dumps(value, default=str)[:EXCERPT])


def holds_lines(head: bytes, whole: bool) -> bool:
    """Whether the beginning of a text is JSON with one value per line.

    `whole`: there is no more text. Values over several lines, arrays and single objects are not;
    a first line that is broken in itself is.
    """
    text = head.decode("utf-8", "replace").strip(AROUND)
    first, second = _first_lines(text)
    if not text.startswith(("{", "[")):
        return True
    alone = _parsed(first)
    if text.startswith("["):
        turns = isinstance(alone, list) and bool(alone) and isinstance(alone[0], dict)
        return turns and bool(second) and bool(alone[0].keys() & TURN_FIELDS)
    if not second or alone is not _NOTHING:
        return bool(second)
    try:
        DECODER.raw_decode(text)
        return False
    except json.JSONDecodeError as error:
        unclosed = error.msg.startswith("Unterminated string")
        if not whole and (unclosed or error.pos >= len(text) - CUT_MARGIN):
            return False
        if error.pos <= len(first):
            return True
    except Exception:  # the fault lies on any line
        pass
    return not first.endswith(("[", "{", ",")) and isinstance(_parsed(second), dict)


def _first_lines(text: str) -> tuple[str, str]:
    """The first two lines that are not blank."""
    end = "\n" if "\n" in text else "\r"
    first, _, rest = text.partition(end)
    return first.rstrip(), rest.lstrip().partition(end)[0]


def _parsed(line: str) -> Any:
    try:
        return DECODER.decode(line.strip(AROUND))
    except Exception:  # whatever it is, the line is no value
        return _NOTHING
