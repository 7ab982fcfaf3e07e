"""How far an asset is: counted while its shards are scored, for the run's log and for observers.

Observers, such as the live line of the command line, hear plain events: they can be passed on from
one process to another.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

REPORT_SECONDS: Final = 10.0
IN_PROGRESS: Final = {"in_progress": True}
"""`extra` of messages that say how far a run is: who observes the events has no use for them."""


@dataclass(frozen=True)
class Began:
    """The work on an asset begins, in one of the runs that make it."""

    asset: str


@dataclass(frozen=True)
class Advanced:
    """So many more rows are done: `computed` of them now, with so many tokens, others long ago."""

    asset: str
    rows: int
    computed: int = 0
    tokens: int = 0


Event = Began | Advanced

_observers: list[Callable[[Event], None]] = []


@contextmanager
def observed(by: Callable[[Event], None]) -> Iterator[None]:
    """Inside, `by` hears every event of this process, in whatever thread it comes about."""
    _observers.append(by)
    try:
        yield
    finally:
        _observers.remove(by)


def tell(event: Event) -> None:
    """Let the observers hear an event."""
    for observer in tuple(_observers):
        observer(event)


class Tally:
    """Rows and tokens so far; the clock runs from the first event to the latest."""

    def __init__(self) -> None:
        self.rows = self.computed = self.tokens = 0
        self._times: tuple[float, float] | None = None

    def add(self, event: Advanced) -> None:
        """Count what an event says."""
        now = time.monotonic()
        self._times = (self._times[0] if self._times else now, now)
        self.rows += event.rows
        self.computed += event.computed
        self.tokens += event.tokens

    def words(self, total: int | None) -> str:
        """Rows, speed and the time that is left if the rest is like what is done, in one line.

        total: rows in all; None where nobody knows.
        """
        rows = "row" if (total or self.rows) == 1 else "rows"
        said = f"{self.rows:,} {rows}" if total is None else f"{self.rows:,} of {total:,} {rows}"
        if not self.computed or not self._times:
            return said
        seconds = max(self._times[1] - self._times[0], 1e-3)
        what, count = ("tokens", self.tokens) if self.tokens else ("rows", self.computed)
        said += f", {count / seconds:,.0f} {what}/s"
        if total is not None and self.rows < total:
            said += f", {duration((total - self.rows) * seconds / self.rows)} left in this step"
        return said


class Progress:
    """Counts the rows of one asset in a run, tells observers, and logs every few seconds.

    total: how many rows there are over all shards, asked for when the first are computed; without
    it those of the shards that have begun.
    """

    def __init__(self, log: Any, asset: str, total: Callable[[], int | None] | None = None):
        self._log, self._asset, self._count = log, asset, total
        self._tally, self._lock = Tally(), threading.Lock()
        self._begun, self._total = 0, None if total else 0
        self._reported = time.monotonic()

    def begin(self, rows: int, done: int) -> None:
        """A shard with so many rows begins; for `done` of them there is nothing to compute."""
        self._begun += rows
        self._add(Advanced(self._asset, done))

    def add(self, rows: int, tokens: int) -> None:
        """So many rows were computed; logs if it is time to, or if all is done."""
        self._add(Advanced(self._asset, rows, rows, tokens))

    def _add(self, event: Advanced) -> None:
        with self._lock:
            self._tally.add(event)
            words = self._due() if event.computed else None
        tell(event)
        if words:
            self._log.info(f"{self._asset}: {words}", extra=IN_PROGRESS)

    def _due(self) -> str | None:
        """What is to be logged now, if anything."""
        if self._total is None and self._count is not None:
            self._total = self._count()
        total = self._begun if self._count is None else self._total
        now = time.monotonic()
        if now - self._reported < REPORT_SECONDS and self._tally.rows < (total or 0):
            return None
        self._reported = now
        return self._tally.words(total)


def duration(seconds: float) -> str:
    """A time in the largest units that matter: 40 s, 4 min, 2 h 10 min."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
