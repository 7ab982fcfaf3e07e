"""The worker processes of a command by number: started when needed, and replaced when dead."""

from collections.abc import Collection
from typing import Any, Final, Self

import dagster as dg

from tshirt_assets.commands.piece import Outcome, Piece
from tshirt_assets.commands.run_events import unfinished_runs
from tshirt_assets.commands.terminal import say
from tshirt_assets.commands.worker import Orders, worker_tags
from tshirt_assets.commands.worker_process import WorkerProcess, stop
from tshirt_assets.commands.worker_template import begin_imports
from tshirt_assets.config import CorpusConfig
from tshirt_assets.models.gpus import VISIBLE, gpus_to_share
from tshirt_assets.orchestration.run_start import PROCESS_TAG

SQLITE_WORKERS: Final = 4  # that Dagster's SQLite files are good for


class Crew:
    """The workers 1 to `count`, with a GPU each where there are any. Used in a `with` statement."""

    def __init__(self, instance: dg.DagsterInstance, config: CorpusConfig, count: int):
        self.count = count
        self._instance = instance
        begin_imports()
        self._orders = Orders(instance.get_ref(), config, count, PROCESS_TAG)
        self._gpus = gpus_to_share(config)
        self._running: dict[int, WorkerProcess] = {}
        if 0 < len(self._gpus) < count:
            say(f"warning: {count} workers share the GPUs {', '.join(self._gpus)}", err=True)
        if count > SQLITE_WORKERS and "Sqlite" in type(instance.event_log_storage).__name__:
            say(
                f"warning: Dagster's SQLite files are made for {SQLITE_WORKERS} workers at most; "
                "let dagster.yaml name a PostgreSQL database (docs/machines.md)",
                err=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        stop(self._running.values())

    def free(self, busy: Collection[WorkerProcess]) -> list[int]:
        """Numbers of the workers with nothing to do; first those that may have loaded models."""
        numbers = set(range(1, self.count + 1)) - {worker.number for worker in busy}
        return sorted(numbers, key=lambda number: (number not in self._running, number))

    def get(self, number: int) -> WorkerProcess:
        """The worker of a number; a new process if there is none that lives."""
        worker = self._running.get(number)
        if worker is None or not worker.alive:
            gpu = {VISIBLE: self._gpus[(number - 1) % len(self._gpus)]} if self._gpus else {}
            worker = self._running[number] = WorkerProcess(number, self._orders, gpu)
        return worker

    def retire(self, worker: WorkerProcess) -> None:
        """End a worker that cannot be relied on; the next of its number is a new process."""
        stop([self._running.pop(worker.number)])

    def bury(self, worker: WorkerProcess, piece: Piece) -> Outcome:
        """Record that the run of a dead worker failed, and what that means for its piece."""
        self.retire(worker)
        reason = f"{piece}: worker {worker.number} {worker.death}"
        for run in unfinished_runs(self._instance, worker_tags(worker.number)):
            self._instance.report_run_failed(run, f"The worker {worker.death}.")
            self._instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        return Outcome(wholly=True, reasons=(reason,))
