"""Alpaca-like rows in any number, no two equal, the same on every machine.

Phrases of the sample corpus in random order: about 15 words of instruction (with the input that a
third of the rows has), 60 of response, and as skewed as real ones.
"""

import json
import math
import random
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from tests.benchmarks.rows import ROOT

SOURCES = ("general", "code_math")
FILES = 11


def write_rows(folder: Path, rows: int, files: int = FILES) -> list[Path]:
    """So many rows in files of equal length, named in their order."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        write_file(folder / f"part-{i:02d}.jsonl", rows * i // files, rows * (i + 1) // files)
        for i in range(files)
    ]


def write_file(path: Path, start: int, stop: int) -> Path:
    """A file of the rows with these numbers."""
    with path.open("w") as file:
        file.writelines(line(number) for number in range(start, stop))
    return path


def change_rows(path: Path, every: int = 100) -> int:
    """Give one row in `every` another response; the number of changed rows."""
    lines = path.read_text().splitlines(keepends=True)
    places = range(every // 2, len(lines), every)
    for place in places:
        row = json.loads(lines[place])
        row["output"] = " ".join(reversed(row["output"].split()))
        lines[place] = json.dumps(row) + "\n"
    path.write_text("".join(lines))
    return len(places)


def line(number: int) -> str:
    """The row with this number, as it is written."""
    draw = random.Random(number)
    asked = _length(draw, 15, 0.5)
    row = {"instruction": f"{_text(draw, asked)} ({number})"}
    if draw.random() < 1 / 3 and asked > 6:
        row = {"instruction": f"{_text(draw, 6)} ({number})", "input": _text(draw, asked - 6)}
    return json.dumps(row | {"output": _text(draw, _length(draw, 60, 0.8))}) + "\n"


def _length(draw: random.Random, mean: float, spread: float) -> int:
    """Words of a text: log-normal."""
    return min(600, max(3, round(draw.lognormvariate(math.log(mean) - spread**2 / 2, spread))))


def _text(draw: random.Random, length: int) -> str:
    words, found = _words(), list[str]()
    while len(found) < length:
        start = draw.randrange(len(words) - 9)
        found += words[start : start + min(draw.randint(3, 9), length - len(found))]
    return " ".join(found)


@cache
def _words() -> list[str]:
    return list(_sample_words())


def _sample_words() -> Iterator[str]:
    for name in SOURCES:
        for text in (ROOT / "data" / f"{name}.jsonl").read_text().split("\n"):
            with suppress(ValueError, KeyError):  # the sample corpus has a few broken rows
                row = json.loads(text)
                yield from f"{row['instruction']} {row['output']}".split()
