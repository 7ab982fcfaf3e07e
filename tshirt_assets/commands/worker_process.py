"""One worker, seen from the command that started it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from multiprocessing import Pipe
from typing import Final

from tshirt_assets.commands.piece import Outcome, Piece
from tshirt_assets.commands.worker import Orders
from tshirt_assets.incremental.progress import Event
from tshirt_assets.orchestration.run_start import PROCESS_TAG, PROCESS_VARIABLE

STOP_SECONDS: Final = 2.0  # for all workers together: less than the command has itself
CODE: Final = "from tshirt_assets.commands.worker import main; main()"


class WorkerProcess:
    """A process that runs pieces, in a session of its own: Ctrl-C is for the command alone."""

    def __init__(self, number: int, orders: Orders, variables: Mapping[str, str]):
        """Start it, with these environment variables beside the command's own."""
        self.number = number
        self.connection, theirs = Pipe()
        [process] = PROCESS_TAG.values()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", CODE, str(theirs.fileno()), str(number)],
                env={**os.environ, **variables, PROCESS_VARIABLE: process},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.send(orders)

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    @property
    def death(self) -> str:
        """How it ended, if it did."""
        code = self._process.returncode
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"

    def send(self, message: Orders | Piece) -> None:
        """Tell it something. If it is dead, `receive` will notice."""
        with suppress(OSError):
            self.connection.send(message)

    def receive(self) -> Outcome | Event | None:
        """How far it is with its piece, or what came of it; None if it died over it."""
        try:
            said: Outcome | Event = self.connection.recv()
        except (EOFError, OSError):
            return None
        return said

    def wait(self, seconds: float) -> None:
        """Wait for its end, and bring it about when the time is over."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def stop(workers: Collection[WorkerProcess]) -> None:
    """End workers: what they do is canceled, and those that take too long over it are killed."""
    for worker in workers:
        worker.connection.close()
    end = time.monotonic() + STOP_SECONDS
    for worker in workers:
        worker.wait(max(0.0, end - time.monotonic()))
