"""How much selections have in common, as a table of at most 80 columns."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from rich.cells import cell_len

from tshirt_assets.commands.text import COLUMNS, padded, shortened

CELL: Final = 5  # columns of a share; a space stands between two
NAME: Final = 40  # most columns of a name


def overlap_lines(shares: Mapping[str, Mapping[str, float | None]]) -> Iterator[str]:
    """The shares of each recipe with each, by number; in parts where there are many recipes."""
    digits = len(str(len(shares)))
    names = [shortened(name, NAME) for name in shares]
    width = digits + 1 + max(map(cell_len, names))
    at_once = (COLUMNS - width) // (CELL + 1)
    for start in range(0, len(shares), at_once):
        part = slice(start, start + at_once)
        if start:
            yield ""
        yield " " * width + _cells(str(i + 1) for i in range(len(shares))[part])
        for number, (name, row) in enumerate(zip(names, shares.values(), strict=True), start=1):
            line = padded(f"{number:>{digits}} {name}", width)
            yield line + _cells(map(_share, list(row.values())[part]))


def _cells(texts: Iterable[str]) -> str:
    return " ".join(f"{text:>{CELL}}" for text in texts)


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"
