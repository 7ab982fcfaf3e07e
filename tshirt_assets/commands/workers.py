"""Several processes share the shards of a corpus: each takes the next piece when it is free."""

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from math import ceil
from multiprocessing.connection import wait
from typing import Final

from tshirt_assets.commands.crew import Crew
from tshirt_assets.commands.piece import Outcome, Piece
from tshirt_assets.commands.terminal import say
from tshirt_assets.commands.worker_process import WorkerProcess
from tshirt_assets.incremental.catalog import AssetRecord
from tshirt_assets.incremental.progress import Event, tell

PIECES_PER_WORKER: Final = 8  # of a phase: short ones, so that none waits long for the last


@dataclass(frozen=True)
class Task:
    """A piece to be made; `tried_by` is the worker that failed at it, if one did."""

    piece: Piece
    tried_by: int | None = None

    def again(self, outcome: Outcome, worker: int) -> "list[Task]":
        """What failed, for another worker, a shard at a time; nothing if this was the second."""
        if self.tried_by is not None:
            return []
        keys = self.piece.keys if outcome.wholly else sorted(outcome.failed)
        pieces = [Piece(self.piece.assets, (key,)) for key in keys] or [self.piece]
        return [Task(piece, worker) for piece in pieces]

    def given_up(self, outcome: Outcome) -> Outcome:
        """What is left of a task that failed for good: none of its partitions is made."""
        return outcome + Outcome(frozenset(outcome.failed or self.piece.keys))


def make_together(
    crew: Crew,
    shards_per_run: int | None,
    phase: Sequence[AssetRecord],
    ranges: Sequence[Sequence[str]],
) -> Outcome:
    """Let the workers make the assets of a phase over ranges of partitions; says what failed.

    What fails on one worker, or is not finished when it dies, is tried once more by another. What
    fails twice has failed, and so has the rest when all workers do nothing but fail.
    """
    waiting = deque(Task(piece) for piece in _cut(phase, ranges, crew.count, shards_per_run))
    busy: dict[WorkerProcess, Task] = {}
    total, in_vain = Outcome(), 0
    while waiting or busy:
        _deal(crew, waiting, busy)
        for worker in _heard(busy):
            said = worker.receive()
            if isinstance(said, Event):
                tell(said)
                continue
            task = busy.pop(worker)
            outcome = said or crew.bury(worker, task.piece)
            in_vain = in_vain + 1 if outcome.wholly else 0
            if outcome.success:
                total += outcome
                continue
            if worker.alive and any(record.on_gpu for record in phase):  # its device may be broken
                crew.retire(worker)
            again = task.again(outcome, worker.number)
            waiting.extendleft(reversed(again))
            _explain(outcome, again)
            total += Outcome(checks=outcome.checks) if again else task.given_up(outcome)
        if in_vain >= 2 * crew.count:
            total += _abandoned(waiting)
    return total


def _cut(
    phase: Sequence[AssetRecord],
    ranges: Sequence[Sequence[str]],
    workers: int,
    shards_per_run: int | None,
) -> Iterator[Piece]:
    """The pieces of a phase: of shards short ranges, of everything else the whole.

    What stands over the whole corpus is made side by side, where it is not made from each other.
    """
    unit, total = phase[0].unit, sum(map(len, ranges))
    size = shards_per_run or ceil(total / (workers * PIECES_PER_WORKER))
    groups = _apart(phase) if unit == "corpus" else [phase]
    for keys in ranges:
        parts = [keys]
        if unit == "shard":
            parts = [keys[start : start + size] for start in range(0, len(keys), size)]
        for group in groups:
            assets = tuple(record.name for record in group)
            yield from (Piece(assets, tuple(part)) for part in parts)


def _apart(phase: Sequence[AssetRecord]) -> list[list[AssetRecord]]:
    """The assets of a phase in groups, none of which reads what another makes."""
    groups: list[list[AssetRecord]] = []
    for record in phase:
        read = [group for group in groups if any(other.name in record.reads for other in group)]
        groups = [group for group in groups if group not in read]
        groups.append([*chain.from_iterable(read), record])
    return groups


def _deal(crew: Crew, waiting: deque[Task], busy: dict[WorkerProcess, Task]) -> None:
    """Give every free worker the next piece that it has not failed at."""
    for number in crew.free(busy):
        task = next((task for task in waiting if task.tried_by != number), None)
        if task is not None:
            waiting.remove(task)
            worker = crew.get(number)
            worker.send(task.piece)
            busy[worker] = task


def _heard(busy: Collection[WorkerProcess]) -> list[WorkerProcess]:
    """Wait for workers that have something to say, or died."""
    ready = wait([worker.connection for worker in busy])
    return [worker for worker in busy if worker.connection in ready]


def _explain(outcome: Outcome, again: Sequence[Task]) -> None:
    """Say in a line each what failed, and whether that was the end of it."""
    for reason in outcome.reasons:
        if again:
            say(f"warning: {reason}; another worker tries again", err=True)
        else:
            say(f"error: {reason}", err=True)


def _abandoned(waiting: deque[Task]) -> Outcome:
    """Clear the queue of a phase in which nothing but failures came of the last pieces."""
    keys = frozenset(key for task in waiting for key in task.piece.keys)
    if waiting:
        say(f"error: all workers fail, {len(keys)} shards are not tried any more", err=True)
    waiting.clear()
    return Outcome(keys)
