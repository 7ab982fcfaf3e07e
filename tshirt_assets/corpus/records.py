"""A record as it was found in a file, and values that were found but cannot be read."""

from dataclasses import dataclass
from typing import Any, Final

MAX_ROW_BYTES: Final = 1 << 26
"""The longest row that is read, where nothing else is asked for."""
EXCERPT: Final = 2000  # characters of an unreadable record that are kept

ROW_FIELDS: Final = frozenset({"instruction", "prompt", "messages", "conversations"})
"""Names by which an object is known to be a row."""
TURN_FIELDS: Final = frozenset({"from", "role"})
"""Names by which an object is known to be a turn inside a row."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its fields, or a `fault` and an excerpt of the text it was found in.

    `ends_early`: reading stopped here, and rows that the file has, or had, are missing behind it.
    """

    fields: dict[str, Any]
    fault: str | None = None
    text: str = ""
    ends_early: bool = False


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A value that is there but that nothing can decode."""

    reason: str

    def __str__(self) -> str:
        return f"cannot be decoded ({self.reason})"


def one_line(error: BaseException) -> str:
    """What a library says went wrong, on one line."""
    return " ".join(str(error).split())[:300] or type(error).__name__
