"""One worker, seen from the command that started it."""

import signal
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from multiprocessing import Pipe
from typing import Final

from tshirt_assets.commands.piece import Outcome, Piece
from tshirt_assets.commands.worker import Orders
from tshirt_assets.commands.worker_template import start_worker
from tshirt_assets.incremental.progress import Event

STOP_SECONDS: Final = 2.0  # for all workers together: less than the command has itself


class WorkerProcess:
    """A process that runs pieces, in a session of its own: Ctrl-C is for the command alone."""

    def __init__(self, number: int, orders: Orders, variables: Mapping[str, str]):
        """Start it, with these environment variables beside the command's own."""
        self.number = number
        self.connection, theirs = Pipe()
        with theirs:
            self._process = start_worker(theirs, number, variables)
        self.send(orders)

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.is_alive()

    @property
    def death(self) -> str:
        """How it ended, if it did."""
        code = self._process.exitcode or 0
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
        self._process.join(seconds)
        if self.alive:
            self._process.kill()
            self._process.join()


def stop(workers: Collection[WorkerProcess]) -> None:
    """End workers: what they do is canceled, and those that take too long over it are killed."""
    for worker in workers:
        worker.connection.close()
    end = time.monotonic() + STOP_SECONDS
    for worker in workers:
        worker.wait(max(0.0, end - time.monotonic()))
