"""The documentation's blocks of code, as the tests run them.

```yaml is a configuration, ```python is run, and of ```sh and plain blocks every line that begins
with a known program is a command; what else is in a plain block is output. ```text is only read.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.corpora import NAME

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").glob("*.md")))
PROGRAMS = ("tshirt-assets", "make", "dagster", "dg", "pip", "ray")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# The readers' corpora, and the one of the tests that stands for them.
NAMES = {
    "mydata": NAME,
    '"sample"': f'"{NAME}"',
    "tshirt-5pct": "tshirt",
    'init "raw/*.jsonl.gz"': 'init --force --output begun.yaml "rows/*"',
    "init raw ": "init --force --output begun.yaml rows ",
}


@dataclass(frozen=True)
class Block:
    """A fenced block: where it is, its language and its text."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def translated(self) -> str:
        """The text about the corpus of the tests."""
        text = self.text
        for theirs, ours in NAMES.items():
            text = text.replace(theirs, ours)
        return text

    @property
    def commands(self) -> list[str]:
        """The block's command lines: whole, without comments, translated."""
        joined = re.sub(r"\\\n\s*", "", self.translated)
        lines = [re.split(r"\s+#", line)[0].strip() for line in joined.split("\n")]
        return [line for line in lines if line and (self.language == "sh" or program(line))]


def text(page: str) -> str:
    """A page of the documentation."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(language: str, pages: Sequence[str] = PAGES) -> list[Block]:
    """Blocks of one language, in the order of the pages."""
    return [
        Block(page, text(page)[: match.start()].count("\n") + 1, match[1], match[2])
        for page in pages
        for match in FENCE.finditer(text(page))
        if match[1] == language
    ]


def shell_blocks(pages: Sequence[str] = PAGES) -> list[Block]:
    """Blocks that hold commands."""
    found = [*blocks("sh", pages), *blocks("", pages)]
    return [block for block in found if block.commands]


def program(line: str) -> str | None:
    """The known program that a line of a terminal runs, after its variables."""
    words = line.split()
    while words and re.match(r"[A-Z_]+=", words[0]):
        words.pop(0)
    return words[0] if words and words[0] in PROGRAMS else None
