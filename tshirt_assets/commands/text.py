"""Texts and paths as the terminal shows them."""

from pathlib import Path

WIDTH = 36  # characters of a row's text on a line


def short(text: str) -> str:
    """The text on one line, cut to a few words."""
    line = " ".join(text.split())
    return line if len(line) <= WIDTH else line[: WIDTH - 1] + "…"


def near(path: str | Path) -> str:
    """The path relative to the present folder, if it lies below it."""
    text = str(path)
    inside = "://" not in text and Path(text).is_relative_to(Path.cwd())
    return str(Path(text).relative_to(Path.cwd())) if inside else text
