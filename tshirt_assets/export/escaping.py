"""Text of rows, names of files and of domains where something would read more into them.

A terminal obeys control characters, Markdown takes punctuation for markup, and everything that
shows text lets a few characters reorder a line. What is shown of a corpus goes through here.
"""

import re
from collections.abc import Sequence
from typing import Final

INVISIBLE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but for tab and newline, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what changes the direction of writing
    "\u2028\u2029"  # line and paragraph separators
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"  # no characters at all
)
MARKUP: Final = re.compile(r"[\\`*_\[\]<>|~!&$#]")


def visible(value: str) -> str:
    """Text with the characters that command a terminal or reorder a line made visible.

    Control characters, line separators and bidirectional controls become their code point in
    brackets, and what is no character U+FFFD. Newlines and tabs stay.
    """
    return INVISIBLE.sub(_shown, value.replace("\r\n", "\n"))


def one_line(value: str) -> str:
    """Visible text on one line: every stretch of white space becomes a space."""
    return " ".join(visible(value).split())


def markdown(value: str) -> str:
    """Any text as one line of Markdown that reads like it and is no markup."""
    return MARKUP.sub(r"\\\g<0>", one_line(value))


def markdown_lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the cells are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(match: re.Match[str]) -> str:
    code = ord(match[0])
    return "\ufffd" if code >= 0xD800 else f"[U+{code:04X}]"
