"""A worker of `tshirt-assets run --workers`: runs one piece after the other, as it is told.

Its models stay loaded from piece to piece. It ends when the connection does, however that came
about: at once if it has nothing to do, else as `run` ends at Ctrl-C.
"""

import os
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing.connection import Connection
from queue import SimpleQueue

import dagster as dg
from dagster._core.instance.ref import InstanceRef

from tshirt_assets.commands.interrupts import ending_soon
from tshirt_assets.commands.piece import Outcome, Piece, corpus_job, run_piece
from tshirt_assets.commands.run_events import cancel_runs
from tshirt_assets.commands.terminal import show_warnings
from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental.catalog import ASSETS
from tshirt_assets.incremental.progress import Event, observed
from tshirt_assets.orchestration.run_start import PROCESS_TAG


@dataclass(frozen=True)
class Orders:
    """What a worker is told first: where runs are recorded, its corpus, its share of the cores."""

    instance: InstanceRef
    config: CorpusConfig
    sharing: int  # workers that compute at the same time
    command: Mapping[str, str]  # the tag of its runs


def worker_tags(number: int) -> dict[str, str]:
    """Tags of the runs of a worker of this command."""
    return PROCESS_TAG | {"tshirt-assets/worker": str(number)}


def work(connection: Connection, number: int, variables: Mapping[str, str]) -> None:
    """Work until the connection ends, in a process of its own with these environment variables."""
    os.setsid()
    os.environ.update(variables)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    show_warnings()
    with ending_soon() as ending:
        ending.said = ""  # the command says it
        orders: Orders = connection.recv()
        PROCESS_TAG.update(orders.command)
        tags = worker_tags(number)
        with dg.DagsterInstance.from_ref(orders.instance) as instance:
            ending.last = partial(cancel_runs, instance, tags)
            try:
                _work(instance, orders, connection, tags)
            except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
                cancel_runs(instance, tags)


def _work(
    instance: dg.DagsterInstance, orders: Orders, connection: Connection, tags: dict[str, str]
) -> None:
    pieces: SimpleQueue[Piece | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(connection, pieces), daemon=True).start()
    job = corpus_job(instance, orders.config)
    sending = threading.Lock()

    def say(message: Outcome | Event) -> None:
        with sending:  # events come about in several threads
            connection.send(message)

    with observed(say):
        while (piece := pieces.get()) is not None:
            if any(ASSETS[asset].on_gpu for asset in piece.assets):
                _use_cores(orders.sharing if piece.keys else 1)
            say(run_piece(instance, orders.config, job, piece, tags))


def _listen(connection: Connection, pieces: "SimpleQueue[Piece | None]") -> None:
    """Pass pieces on; when the connection ends, the work in progress is interrupted, silently."""
    try:
        while True:
            pieces.put(connection.recv())
    except (EOFError, OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
        pieces.put(None)
        os.kill(os.getpid(), signal.SIGTERM)


def _use_cores(sharing: int) -> None:
    """Compute on an equal share of the cores, unless the user has said on how many."""
    if "OMP_NUM_THREADS" not in os.environ:
        import torch

        torch.set_num_threads(max(1, _cores() // sharing))


@cache
def _cores() -> int:
    """How many cores a process computes on that is alone."""
    import torch

    return torch.get_num_threads()
