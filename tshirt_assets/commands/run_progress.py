"""How far a run over a whole corpus is, on the terminal: a live line, or now and then a plain one.

The line names the step, counts its rows, and says what is left of the step; of the whole run that
is not known, because the later steps measure other rows in other ways.
"""

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from tshirt_assets.commands.live_line import LiveLine, can_be_live
from tshirt_assets.commands.terminal import say
from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental.catalog import AssetRecord
from tshirt_assets.incremental.progress import Began, Event, Tally, observed
from tshirt_assets.incremental.totals import rows_to_do
from tshirt_assets.store.store import Store

PLAIN_SECONDS: Final = 10.0  # between two plain lines of a step
LIVE_SECONDS: Final = 0.1  # between two looks of the live line


class RunProgress:
    """Hears the events of a run, of this process or passed on by others, and shows how far it is.

    A step is an asset; they are numbered as they begin. At its end each has a line that stays.
    """

    def __init__(self, config: CorpusConfig, line: LiveLine | None, steps: int):
        self._config, self._line, self._steps = config, line, steps
        self._shards: dict[str, Sequence[str]] = {}
        self._totals: dict[str, int | None] = {}
        self._tallies: dict[str, Tally] = {}  # of the steps that have begun
        self._said: dict[str, int] = {}  # how many rows were done when that was last said
        self._current, self._shown = "", 0.0
        self._lock = threading.RLock()

    def expect(self, phase: Sequence[AssetRecord], ranges: Sequence[Sequence[str]]) -> None:
        """The next phase begins: its assets are made for these shards."""
        self.finish()
        for record in phase:
            self._shards[record.name] = [key for keys in ranges for key in keys]

    def pass_by(self, assets: int) -> None:
        """So many assets are not made: they are no steps."""
        self._steps -= assets

    def hear(self, event: Event) -> None:
        """Take in an event, and show it if it is time to; where nothing can be shown, be silent."""
        with self._lock, suppress(OSError):
            if isinstance(event, Began):
                self._begin(event.asset)
                return
            self._tallies.setdefault(event.asset, Tally()).add(event)
            seconds = LIVE_SECONDS if self._line else PLAIN_SECONDS
            if event.asset == self._current and time.monotonic() - self._shown >= seconds:
                self._show()

    def finish(self) -> None:
        """Say how far the steps have come, as far as that was not said."""
        with self._lock:
            for asset in self._tallies:
                self._say(asset)

    def _begin(self, asset: str) -> None:
        if self._current and self._is_complete(self._current):
            self._say(self._current)
        self._current = asset
        if asset not in self._tallies:
            self._tallies[asset] = Tally()
            self._show()

    def _show(self) -> None:
        self._shown = time.monotonic()
        if self._line:
            self._line.show(self._words(self._current))
        else:
            self._say(self._current)

    def _say(self, asset: str) -> None:
        """A line that stays, unless it has been said."""
        rows = self._tallies[asset].rows
        if self._said.get(asset) != rows:
            self._said[asset] = rows
            say(self._words(asset), err=True)

    def _is_complete(self, asset: str) -> bool:
        tally = self._tallies[asset]
        return tally.rows >= (self._total(asset) or 0)

    def _words(self, asset: str) -> str:
        number = list(self._tallies).index(asset) + 1
        tally = self._tallies[asset]
        step = f"[{number}/{self._steps}] {asset}"
        return f"{step}: {tally.words(self._total(asset))}" if tally.rows else step

    def _total(self, asset: str) -> int | None:
        """The rows of a step in all; looked up once some are computed, which takes longer."""
        if not self._tallies[asset].computed:
            return None
        if asset not in self._totals:
            store = Store(self._config.store, self._config.storage_options)
            shards = self._shards.get(asset, ())
            self._totals[asset] = rows_to_do(store, self._config, asset, shards)
        return self._totals[asset]


@contextmanager
def shown_progress(
    config: CorpusConfig, steps: int, *, alone: bool = True
) -> Iterator[RunProgress]:
    """Inside, it is shown on standard error how far the run is.

    steps: how many assets are made. alone: no other process prints there; their lines would run
    into one that is drawn again.
    """
    line = LiveLine(sys.stderr) if alone and can_be_live(sys.stderr) else None
    progress = RunProgress(config, line, steps)
    try:
        with observed(progress.hear):
            yield progress
            progress.finish()
    finally:
        if line:
            line.close()
