"""A line at the bottom of a terminal that is drawn again in place."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TextIO

_shown: "Final[list[LiveLine]]" = []


def can_be_live(stream: TextIO) -> bool:
    """Whether a line can be drawn again there: on a terminal that is not a dumb one."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


class LiveLine:
    """One line, cut to the width of the terminal; without colours or other escape sequences."""

    def __init__(self, stream: TextIO):
        from tqdm import tqdm

        # tqdm cuts, blanks out and locks; a bar that progress bars of libraries stay clear of.
        self._line: Any = tqdm(
            total=1, bar_format="{desc}", file=stream, dynamic_ncols=True, leave=False
        )
        _shown.append(self)

    def show(self, text: str) -> None:
        """Draw the text in place of the one before."""
        self._line.set_description_str(text)

    def close(self) -> None:
        """Take the line away."""
        _shown.remove(self)
        self._line.close()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Inside, its place is free."""
        with self._line.external_write_mode(file=self._line.fp):
            yield


@contextmanager
def other_lines() -> Iterator[None]:
    """Inside, other lines can be printed: the live one, if there is any, follows them."""
    if not _shown:
        yield
        return
    with _shown[-1].away():
        yield
