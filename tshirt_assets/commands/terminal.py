"""The one way to the terminal: what a command prints can neither command it nor end in an error."""

import logging
import os
import re
import sys
from collections.abc import Iterable, Iterator
from typing import Final

import click

from tshirt_assets.commands.live_line import other_lines
from tshirt_assets.config import ConfigError
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.evidence.evidence_error import EvidenceError
from tshirt_assets.export.escaping import visible
from tshirt_assets.export.hub import HubError
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.judgements import JudgementError
from tshirt_assets.models.model_files import ModelError
from tshirt_assets.preflight.finding import PreflightError
from tshirt_assets.store.faults import StoreError

MENDABLE = (
    ConfigError,
    CorpusError,
    EvidenceError,
    HubError,
    JudgementError,
    ModelError,
    PreflightError,
    StoreError,
    UpstreamError,
)
"""Errors whose message says what to do; in a terminal it stands alone, without a traceback."""

COLOURS: Final = {"warning": "yellow", "error": "red"}
LEVEL: Final = re.compile(r"^(warning|error): (check [\w.]+)?", re.MULTILINE)


def say(text: str, *, err: bool = False, names: Iterable[str] = ()) -> None:
    """Print text that may hold names of files and texts of rows, on stdout or (`err`) stderr.

    Control characters are shown, not obeyed, and so is what the terminal's encoding lacks. On a
    terminal with colours "warning", "error" and a failed check are coloured, and so, in bold, those
    `names` that are headings, where they begin a line.
    """
    stream = sys.stderr if err else sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    shown = visible(text).encode(encoding, "backslashreplace").decode(encoding)
    with other_lines():
        click.echo(_styled(shown, names), err=err, color=None if _may_colour() else False)


def _may_colour() -> bool:
    """Whether nobody forbids colours; click leaves them out where the stream is no terminal."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _styled(text: str, names: Iterable[str]) -> str:
    """The text with levels, failed checks and headings in their colours."""
    text = LEVEL.sub(
        lambda found: (
            click.style(found[1], fg=COLOURS[found[1]])
            + ": "
            + (click.style(found[2], fg="red") if found[2] else "")
        ),
        text,
    )
    headings = "|".join(map(re.escape, names))
    if not headings:
        return text
    return re.sub(
        f"^(?:{headings})(?=: )", lambda found: click.style(found[0], bold=True), text, flags=re.M
    )


def tell(level: str, line: str) -> None:
    """Print a line of a level: info on stdout, others, after their name, on stderr."""
    say(line if level == "info" else f"{level}: {line}", err=level != "info")


def mendable(error: BaseException) -> BaseException | None:
    """The outermost error among an error and its causes whose message says what to do."""
    return next((found for found in _chain(error) if isinstance(found, MENDABLE)), None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


class Plain(logging.Formatter):
    """The message alone, after its level if it is a warning or an error: no run ids."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        meta = getattr(record, "dagster_meta", {})
        message = " ".join(str(meta.get("orig_message") or record.getMessage()).split("\n"))
        warns = record.levelno >= logging.WARNING
        return f"{record.levelname.lower()}: {message}" if warns else message


class TerminalHandler(logging.Handler):
    """Prints log records on stderr, wherever that is at the time."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(Plain())

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        try:
            say(self.format(record), err=True)
        except Exception:
            self.handleError(record)


def show_warnings() -> None:
    """Have the warnings of this package's modules printed as everything else is."""
    logger = logging.getLogger("tshirt_assets")
    if not any(isinstance(handler, TerminalHandler) for handler in logger.handlers):
        handler = TerminalHandler()
        handler.setLevel(logging.WARNING)
        logger.addHandler(handler)
