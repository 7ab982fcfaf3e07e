"""Texts and paths as the terminal shows them: lines of at most 80 columns.

A column is what the terminal calls one: Chinese, Japanese and Korean characters take two.
"""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich.cells import cell_len, set_cell_size

from tshirt_assets.corpus.addresses import is_remote
from tshirt_assets.export.escaping import one_line

COLUMNS: Final = 80
ARROW: Final = " -> "


def clipped(text: str, columns: int) -> str:
    """The text on one line of at most so many columns; … stands for what is cut off."""
    line = one_line(text)
    if cell_len(line) <= columns:
        return line
    return set_cell_size(line, columns - 1).rstrip() + "…"


def shortened(name: str, columns: int) -> str:
    """A name of at most so many columns, with its end: names of a series differ there."""
    if cell_len(name) <= columns:
        return name
    end = set_cell_size(name[::-1], (columns - 1) // 2).rstrip()[::-1]
    return clipped(name, columns - cell_len(end)) + end


def padded(text: str, columns: int) -> str:
    """The text, with spaces up to so many columns."""
    return text + " " * (columns - cell_len(text))


def exchange(instruction: str, response: str, columns: int) -> str:
    """What was asked and answered in so many columns: what one does not need the other gets."""
    room = columns - len(ARROW)
    asked = clipped(instruction, max(room // 2, room - cell_len(one_line(response))))
    return asked + ARROW + clipped(response, room - cell_len(asked))


def wrapped(text: str, indent: str = "") -> Iterator[str]:
    """The text in lines of at most 80 columns, later ones further in.

    A word is never broken: a path that is longer has a line of its own.
    """
    line = indent
    for word in text.split(" "):
        longer = f"{line} {word}" if line.strip() else line + word
        if line.strip() and cell_len(longer) > COLUMNS:
            yield line
            longer = f"{indent}  {word}"
        line = longer
    yield line


def near(path: str | Path) -> str:
    """The path relative to the present folder, if it lies below it."""
    text, here = str(path), Path.cwd()
    inside = not is_remote(text) and here != Path(here.anchor) and Path(text).is_relative_to(here)
    return str(Path(text).relative_to(here)) if inside else text


def pasted(path: str | Path) -> str:
    """The path as a word of a shell's line, in quotes where it needs them."""
    return shlex.quote(str(path))


def size_text(size: float) -> str:
    """A number of bytes as people read it."""
    for power, unit in ((40, "TiB"), (30, "GiB")):
        if size >= 1 << power:
            return f"{size / (1 << power):,.1f} {unit}"
    return f"{size / (1 << 20):,.1f} MiB"
