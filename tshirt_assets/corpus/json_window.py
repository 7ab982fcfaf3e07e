"""A moving part of JSON text in which values are decoded, and behind which one goes on."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tshirt_assets.corpus.bytestream import StreamFault
from tshirt_assets.corpus.json_decoder import DECODER
from tshirt_assets.corpus.json_recovery import Scanner
from tshirt_assets.corpus.places import Place
from tshirt_assets.corpus.records import EXCERPT, ROW_FIELDS, TURN_FIELDS

SEPARATORS: Final = re.compile(r"[\s,\ufeff]*")
# A syntax error this far from the end of the text read so far is not due to its being cut there.
CUT_MARGIN = 64
MOST_SHAPES = 16  # of rows that are told apart
ALL_SHAPES = 64  # rows whose shapes are noted; afterwards those of every 64th
DELIMITERS = frozenset(", ]}\t\r\n")
STEP = 1 << 20  # characters
_START = re.compile(r"[,\n]\s*(?=\{)")
_ROW = re.compile(r'\{\s*["}]')


@dataclass(frozen=True, slots=True)
class Fault:
    """A value that cannot be read: why, and how it begins. `ends`: nothing after it is read."""

    reason: str
    text: str = ""
    ends: bool = False


class Window:
    """The part of the text that is being decoded; it grows on demand, up to the limit.

    `at` is where reading goes on, `inside` names the array that this is in, `broken` says why
    the text breaks off. `ended_early` is set when a fault has said that nothing more is read.
    `wrapper` is the name of the list in an object that stands for the rows.
    """

    def __init__(self, chunks: Iterator[str], limit: int, place: Place | None = None) -> None:
        self.chunks, self.limit = chunks, limit
        self.text = ""
        self.at = 0
        self.ended = False
        self.broken = ""
        self.inside = ""
        self.ended_early = False
        self.dropped = False  # whether the value that is passed over is not all there any more
        self.good = 0  # values so far
        self.shapes: dict[frozenset[str], None] = {}  # the names of the fields of good rows
        self.wrapper: str | None = None
        self.resumed = place is not None
        self.lost = False  # whether nobody can say any more where in the file the text lies
        self.known = (0, 0)  # a position in the text, and how many bytes of content lie before it
        self.decode = DECODER.raw_decode
        if place is not None:
            self._resume(place)

    def place(self) -> tuple[int, ...] | None:
        """What `Place` needs for a window that reads on exactly as this one; None for none.

        That is its text from the beginning of the line on, since faults depend on the indent.
        """
        if self.lost or self.broken or self.ended_early:
            return None
        begin = self.text.rfind("\n", 0, self.at) + 1
        self._forget(begin)
        flags = (int(bool(self.inside)), int(self.ended))
        window = (self.at - begin, len(self.text) - begin)
        return self.known[1], *window, *flags, self.good, len(self.shapes)

    def layout(self) -> dict[str, Any]:
        """What all places share."""
        return {"wrapper": self.wrapper, "shapes": [sorted(shape) for shape in self.shapes]}

    def _resume(self, place: Place) -> None:
        at, length, inside, ended, good, shapes = place.state
        self.wrapper = place.layout["wrapper"]
        self.shapes = dict.fromkeys(map(frozenset, place.layout["shapes"][:shapes]))
        self.good = good
        self.known = (0, place.offset)
        if inside:
            self.inside = self.array
        if length:
            self._read(length)
        self.at, self.ended = at, self.ended or bool(ended)

    @property
    def array(self) -> str:
        """What the array that holds the rows is called in messages."""
        return "the array" if self.wrapper is None else f"the list {self.wrapper!r}"

    def _forget(self, at: int) -> None:
        """Note how many bytes lie before a position, which is not before the one noted last."""
        part = self.text[self.known[0] : at]
        size = len(part) if part.isascii() else len(part.encode("utf-8", "surrogateescape"))
        self.known = (at, self.known[1] + size)

    @property
    def why_it_ends(self) -> str:
        """Why there is no more text, and where."""
        return f"{self.broken or 'the file ends'} inside {self.inside or 'a value'}"

    def grow(self) -> bool:
        """Read on, at least doubling what is left, so that a long value is cheap to retry."""
        if self.ended:
            return False
        return self._read(max(STEP, len(self.text) - self.at))

    def _read(self, wanted: int) -> bool:
        """Read at least so many characters, if there are; whether there were any."""
        parts, size = [self.text[self.at :]], 0
        try:
            for chunk in self.chunks:
                parts.append(chunk)
                size += len(chunk)
                if size >= wanted:
                    break
            else:
                self.ended = True
        except StreamFault as fault:
            self.ended, self.broken = True, str(fault)
        if size:
            self._forget(self.at)
            self.known = (0, self.known[1])
            self.text, self.at = "".join(parts), 0
        return size > 0

    def peek(self) -> str:
        """The next character that is no white space or comma, or nothing at the end."""
        while True:
            self.at = SEPARATORS.match(self.text, self.at).end()  # type: ignore[union-attr]
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.grow():
                return ""

    def behind_separators(self, at: int) -> int:
        """The first position from `at` that is no white space or comma."""
        found = SEPARATORS.match(self.text, at)
        return found.end() if found else at

    def value(self) -> Any:
        """The next value, or its fault; reading goes on behind it."""
        value, reason = self.attempt()
        return value if reason is None else self.skip(reason)

    def attempt(self) -> tuple[Any, str | None]:
        """The next value and None, or None and why it cannot be decoded, without leaving it."""
        while True:
            try:
                value, end = self.decode(self.text, self.at)
            except json.JSONDecodeError as error:
                unclosed = error.msg.startswith("Unterminated string")
                reason = error.msg
                cut = unclosed or error.pos >= len(self.text) - CUT_MARGIN
            except RecursionError:
                reason, cut = "nested too deeply", False
            except Exception as error:  # a number with thousands of digits, for example
                reason, cut = str(error), False
            else:
                # A number or name near the end of the text may be the beginning of a longer one.
                whole = self.text[end - 1] in '}]"' or self.text[end : end + 1] in DELIMITERS
                if not whole and end >= len(self.text) - CUT_MARGIN and self.grow():
                    continue
                if end - self.at > self.limit:
                    return None, self.too_long
                self.at = end
                self.good += 1
                if self.good < ALL_SHAPES or self.good % ALL_SHAPES == 0:
                    self._learn(value)
                return value, None
            if cut and len(self.text) - self.at > self.limit:
                return None, self.too_long
            if not (cut and self.grow()):
                return None, reason

    def _learn(self, value: Any) -> None:
        if isinstance(value, dict) and len(self.shapes) < MOST_SHAPES:
            self.shapes[frozenset(value)] = None

    @property
    def too_long(self) -> str:
        """What is wrong with a value that is longer than the limit."""
        return f"longer than max_row_bytes ({self.limit:,})"

    def skip(self, reason: str) -> Fault:
        """Go to the next value, from one that cannot be decoded."""
        excerpt = self.text[self.at : self.at + EXCERPT]
        indent = self._start_of_line(self.at)
        scanner, ends = Scanner(bool(self.inside)), False
        reached, self.dropped = 0, False
        while not ends and not scanner.lost:
            position, ends = scanner.scan(self.text, self.at + reached)
            reached = position - self.at
            if reached > self.limit:
                if scanner.oddities:
                    ends, scanner.lost = False, True
                    break
                # Go on without holding it.
                self.at, reached, self.dropped = position, 0, True
            if not ends and not self.grow():
                break
        trusted = ends and self._can_be_trusted(scanner, reached)
        found = reached if trusted else None
        if scanner.oddities or (not trusted and self._is_closed(scanner)):
            earlier = self._next_row(indent, found)
            found = found if earlier is None else earlier
        if found is None:
            return self._last(reason, excerpt, self._is_closed(scanner))
        if not self.dropped:
            excerpt = excerpt[:found].rstrip(", \t\r\n")
        self.at += found
        return Fault(reason, excerpt)

    def _is_closed(self, scanner: Scanner) -> bool:
        """Whether what is broken is the value, as all its text is there; else it is cut off."""
        if not self.ended or scanner.lost:
            return True
        if self.broken or not self.inside:
            return False
        rest = self.text[-CUT_MARGIN:].rstrip()
        if scanner.in_string:
            return re.search(r"\}\s*\]$", rest) is not None
        return scanner.oddities > 0 and rest.endswith("]")

    def _last(self, reason: str, excerpt: str, closed: bool) -> Fault:
        """The fault of a value behind which no other was found."""
        rest = self.text[self.at :].rstrip()
        closed = closed and bool(self.inside) and not self.broken and rest.endswith("]")
        self.at = len(self.text)
        if closed and not self._holds_rows(rest):
            self.text, self.at, self.lost = "]", 0, True
            return Fault(reason, excerpt)
        self.ended_early = True
        why = f"{reason}; no row was found after it" if closed else self.why_it_ends
        self.broken = ""
        return Fault(why, excerpt, ends=True)

    def _holds_rows(self, rest: str) -> bool:
        """Whether a text that no row was found in seems to be more than the one at its start."""
        if not self.shapes:
            return bool(_START.search(rest))
        names = "|".join(map(re.escape, frozenset().union(*self.shapes)))
        found = re.findall(rf"([\"'])({names})\1", rest)
        return len(found) != len(set(found))

    def _can_be_trusted(self, scanner: Scanner, reached: int) -> bool:
        """Whether a value seems to end there: another follows, or the end of the array."""
        while True:
            after = self.behind_separators(self.at + reached)
            if len(self.text) - after > CUT_MARGIN or not self.grow():
                break
        if scanner.oddities == 0 or after == len(self.text) or _ROW.match(self.text, after):
            return True
        return self.text[after] == "]" and not self.text[after + 1 :].strip(" \t\r\n}")

    def _next_row(self, indent: str | None, stop: int | None) -> int | None:
        """Where the next object begins that looks like a row, up to `stop`; both after `at`.

        It can be decoded and has the fields of the row before; or it begins a line with the same
        indent as the broken one.
        """
        begin = 0
        while True:
            end = len(self.text) if stop is None else self.at + stop
            position = self.at + begin
            while found := _START.search(self.text, position, end):
                position = found.end()
                begin = position - self.at
                if self._is_row(begin, indent):
                    return begin
                position = self.at + begin
            if stop is not None:
                return None
            begin = max(begin, len(self.text) - self.at - CUT_MARGIN)
            if begin > self.limit:
                self.at, begin, self.dropped = self.at + begin, 0, True
            if not self.grow():
                return None

    def _is_row(self, begin: int, indent: str | None) -> bool:
        while True:
            at = self.at + begin
            try:
                value, end = self.decode(self.text, at)
            except json.JSONDecodeError as error:
                if error.pos < len(self.text) - CUT_MARGIN:
                    break
            except Exception:
                break
            else:
                closed = self.text[self._behind_space(end) :][:1] in ("", ",", "]", "{")
                return closed and self._has_shape(value, self._begins_line(at, indent))
            if len(self.text) - at > self.limit or not self.grow():
                break
        at = self.at + begin
        return self._begins_line(at, indent) and _ROW.match(self.text, at) is not None

    def _begins_line(self, at: int, indent: str | None) -> bool:
        return indent is not None and self._start_of_line(at) == indent

    def _behind_space(self, at: int) -> int:
        while at < len(self.text) and self.text[at].isspace():
            at += 1
        return at

    def _has_shape(self, value: dict[str, Any], in_place: bool) -> bool:
        """Whether an object has the fields of a row, or stands where one does and is no turn."""
        names = value.keys()
        if any(2 * len(shape & names) >= len(shape) > 0 for shape in self.shapes):
            return True
        is_turn = bool(names & TURN_FIELDS)
        return not is_turn and (in_place or not self.shapes or bool(names & ROW_FIELDS))

    def _start_of_line(self, at: int) -> str | None:
        """The white space before a position that is the first of its line; else None."""
        before = self.text[self.text.rfind("\n", 0, at) + 1 : at]
        return before if not before.strip() else None
