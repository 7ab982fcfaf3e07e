"""The one way to the terminal: what a command prints can neither command it nor end in an error."""

import logging
import sys
from collections.abc import Iterator

import click

from tshirt_assets.commands.live_line import other_lines
from tshirt_assets.config import ConfigError
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.evidence.evidence_error import EvidenceError
from tshirt_assets.export.escaping import visible
from tshirt_assets.export.hub import HubError
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.models.model_files import ModelError
from tshirt_assets.preflight.finding import PreflightError
from tshirt_assets.store.faults import StoreError

MENDABLE = (
    ConfigError,
    CorpusError,
    EvidenceError,
    HubError,
    ModelError,
    PreflightError,
    StoreError,
    UpstreamError,
)
"""Errors whose message says what to do; in a terminal it stands alone, without a traceback."""


def say(text: str, *, err: bool = False) -> None:
    """Print text that may hold names of files and texts of rows, on stdout or (`err`) stderr.

    Control characters are shown, not obeyed, and so is what the terminal's encoding lacks.
    """
    stream = sys.stderr if err else sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    with other_lines():
        click.echo(visible(text).encode(encoding, "backslashreplace").decode(encoding), err=err)


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
