"""Materialize a whole corpus without the UI, in this process or in several workers."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import dagster as dg

from tshirt_assets.commands.crew import Crew
from tshirt_assets.commands.instance import register_shards
from tshirt_assets.commands.last_run import LastRun
from tshirt_assets.commands.piece import Piece, corpus_job, run_piece
from tshirt_assets.commands.queued import Queue
from tshirt_assets.commands.run_events import FailedChecks, cancel_runs
from tshirt_assets.commands.run_progress import RunProgress, shown_progress
from tshirt_assets.commands.terminal import say
from tshirt_assets.commands.validate import refuse_what_would_fail
from tshirt_assets.commands.workers import make_together
from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental.catalog import AssetRecord
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.outcome import Outcome
from tshirt_assets.orchestration.phase_loop import Make, make_in_turn, make_phases

logger = logging.getLogger(__name__)


def run_corpus(
    instance: dg.DagsterInstance, config: CorpusConfig, workers: int = 1, *, queued: bool = False
) -> bool:
    """Materialize every asset of a corpus; True if nothing failed.

    `workers`: how many processes share the work, each with models of its own; one is this process.
    `queued`: all of it is left to the queue of a Dagster that runs elsewhere, and waited for.
    What is already stored is reused, so running again after a crash or with new files continues.
    A shard whose file cannot be read is reported and left out; the others go on. So is one whose
    file breaks off, after its rows were scored; with `on_incomplete: keep` it is only reported.
    Checks that failed are listed at the end. Raises `PreflightError` where the checks of `validate`
    show that nothing would come of it, and `KeyboardInterrupt` when it is interrupted; the run is
    then canceled. Where all is as the last complete run left it, nothing is run.
    """
    refuse_what_would_fail(config)
    last = LastRun(instance, config, logger)
    if (lines := last.failed_checks()) is not None:
        say("nothing has changed since the last run; everything stored was read, and is sound")
        for line in lines:
            say(line, err=True)
        return True
    checks = FailedChecks()
    try:
        shown = shown_progress(config, alone=workers == 1)
        with shown as progress, _maker(instance, config, workers, queued) as make:
            success = _run_phases(instance, config, make, checks, progress)
        if success:
            last.keep(checks.lines())
        return success
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        cancel_runs(instance)
        raise KeyboardInterrupt from None
    finally:
        for line in checks.lines():
            say(line, err=True)


def _run_phases(
    instance: dg.DagsterInstance,
    config: CorpusConfig,
    make: Make,
    checks: FailedChecks,
    progress: RunProgress,
) -> bool:
    def watched(phase: Sequence[AssetRecord], ranges: Sequence[Sequence[str]]) -> Outcome:
        progress.expect(phase, ranges)
        outcome = make(phase, ranges)
        checks.add(outcome.checks)
        return outcome

    register = partial(register_shards, instance, config)
    return make_phases(instance, Binding(config), watched, _tell, register)


def _tell(level: str, line: str) -> None:
    say(line if level == "info" else f"{level}: {line}", err=level != "info")


@contextmanager
def _maker(
    instance: dg.DagsterInstance, config: CorpusConfig, workers: int, queued: bool
) -> Iterator[Make]:
    """What makes the phases: this process, several workers, or Dagster's queue."""
    if queued:
        yield Queue(instance, config).make
    elif workers > 1:
        with Crew(instance, config, workers) as crew:
            yield partial(make_together, crew, config.shards_per_run)
    else:
        yield partial(_make_here, instance, config, corpus_job(instance, config))


def _make_here(
    instance: dg.DagsterInstance,
    config: CorpusConfig,
    job: dg.JobDefinition,
    phase: Sequence[AssetRecord],
    ranges: Iterable[Sequence[str]],
) -> Outcome:
    """A run for every range in this process; why any failed is said at once."""

    def run(keys: Sequence[str]) -> Outcome:
        piece = Piece(tuple(record.name for record in phase), tuple(keys))
        outcome = run_piece(instance, config, job, piece)
        for reason in outcome.reasons:
            _tell("error", reason)
        return outcome

    return make_in_turn(phase, ranges, run)
