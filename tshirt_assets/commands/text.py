"""Texts and paths as the terminal shows them."""

from pathlib import Path

from tshirt_assets.corpus.addresses import is_remote

WIDTH = 36  # characters of a row's text on a line


def short(text: str) -> str:
    """The text on one line, cut to a few words."""
    line = " ".join(text.split())
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"


def near(path: str | Path) -> str:
    """The path relative to the present folder, if it lies below it."""
    text, here = str(path), Path.cwd()
    inside = not is_remote(text) and here != Path(here.anchor) and Path(text).is_relative_to(here)
    return str(Path(text).relative_to(here)) if inside else text


def size_text(size: float) -> str:
    """A number of bytes as people read it."""
    for power, unit in ((40, "TiB"), (30, "GiB")):
        if size >= 1 << power:
            return f"{size / (1 << power):,.1f} {unit}"
    return f"{size / (1 << 20):,.1f} MiB"
