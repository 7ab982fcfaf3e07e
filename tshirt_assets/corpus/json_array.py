"""The elements of a JSON array one after the other, however long the array is."""

import json
from collections.abc import Iterator
from typing import Any

from tshirt_assets.corpus.bytestream import StreamFault

WHITESPACE = " \t\r\n"
# A syntax error this far from the end of the text read so far is not due to its being cut there.
CUT_MARGIN = 64
STEP = 1 << 20  # characters


class ArrayFault(Exception):
    """The array cannot be read beyond this point."""


def array_elements(chunks: Iterator[str]) -> Iterator[Any]:
    """Decoded elements of the one array that the text holds.

    Raises `ArrayFault`, after the last good element, where the array is broken or cut off.
    """
    window = _Window(chunks)
    window.take("[")
    while window.peek() != "]":
        yield window.element()
        if window.peek() != "]":
            window.take(",")
    window.take("]")
    if window.peek():
        raise ArrayFault("there is more text after the end of the array")


class _Window:
    """The part of the text that is being decoded; it grows on demand."""

    def __init__(self, chunks: Iterator[str]) -> None:
        self.chunks = chunks
        self.text = ""
        self.at = 0
        self.end: str | None = None  # why there is no more text
        self.decoder = json.JSONDecoder()

    def grow(self) -> bool:
        """Read on, at least doubling what is left, so that a long element is cheap to retry."""
        if self.end is not None:
            return False
        parts, size = [self.text[self.at :]], 0
        wanted = max(STEP, len(parts[0]))
        try:
            for chunk in self.chunks:
                parts.append(chunk)
                size += len(chunk)
                if size >= wanted:
                    break
            else:
                self.end = "the file ends"
        except StreamFault as fault:
            self.end = str(fault)
        self.text, self.at = "".join(parts), 0
        return size > 0

    def peek(self) -> str:
        """The next character that is not white space, or nothing at the end."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in WHITESPACE:
                self.at += 1
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.grow():
                return ""

    def take(self, expected: str) -> None:
        found = self.peek()
        if not found:
            raise ArrayFault(f"{self.end} inside the array")
        if found != expected:
            raise ArrayFault(f"found {found!r} where {expected!r} was expected")
        self.at += 1

    def element(self) -> Any:
        while True:
            try:
                value, end = self.decoder.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                fault = error.msg
                cut = (
                    fault.startswith("Unterminated string")
                    or error.pos >= len(self.text) - CUT_MARGIN
                )
            except RecursionError:
                raise ArrayFault("an element is nested too deeply") from None
            except ValueError as error:  # a number with thousands of digits
                raise ArrayFault(str(error)) from None
            else:
                # A number near the end of the window may be the first digits of a longer one.
                delimited = end < len(self.text) and self.text[end] in ",]" + WHITESPACE
                if delimited or self.end is not None or end < len(self.text) - CUT_MARGIN:
                    self.at = end
                    return value
                fault, cut = "", True
            if not cut:
                raise ArrayFault(fault)
            if not self.grow():
                closed = self.text.rstrip().endswith("]")
                raise ArrayFault(fault if closed else f"{self.end} inside the array")
