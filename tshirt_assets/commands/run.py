"""Materialize a whole corpus without the UI, in this process or in several workers."""

import logging
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import dagster as dg

from tshirt_assets.commands.crew import Crew
from tshirt_assets.commands.last_run import WHOLE, LastRun
from tshirt_assets.commands.piece import Piece, corpus_job, run_piece
from tshirt_assets.commands.queued import Queue
from tshirt_assets.commands.run_events import FailedChecks, cancel_runs
from tshirt_assets.commands.run_progress import RunProgress, shown_progress
from tshirt_assets.commands.source_definitions import source_definitions, upstream_of
from tshirt_assets.commands.terminal import say, tell
from tshirt_assets.commands.validate import refuse_what_would_fail
from tshirt_assets.commands.workers import make_together
from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental.catalog import AssetRecord
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.chosen import Chosen
from tshirt_assets.orchestration.outcome import Outcome
from tshirt_assets.orchestration.phase_loop import Make, make_in_turn, make_phases

logger = logging.getLogger(__name__)


def run_corpus(
    instance: dg.DagsterInstance,
    config: CorpusConfig,
    workers: int = 1,
    *,
    queued: bool = False,
    chosen: Chosen | None = None,
) -> bool:
    """Materialize the assets of a corpus; True if nothing failed.

    `chosen`: which of them, and for which recipes; by default all that the corpus needs.
    `workers`: how many processes share the work, each with models of its own; one is this process.
    `queued`: all of it is left to the queue of a Dagster that runs elsewhere, and waited for.
    What is already stored is reused, so running again after a crash or with new files continues.
    A shard whose file cannot be read is reported and left out; the others go on. So is one whose
    file breaks off, after its rows were scored; with `on_incomplete: keep` it is only reported.
    Checks that failed are listed at the end. Raises `PreflightError` where the checks of `validate`
    show that nothing would come of it, and `KeyboardInterrupt` when it is interrupted; the run is
    then canceled. Where all is as the last complete run left it, nothing is run.
    """
    chosen = chosen or Chosen.of(config)
    last = LastRun(instance, config, logger)
    refuse_what_would_fail(config, rows=not last.has_read_the_files)
    if not queued:
        source_definitions(config)  # workers would each say what is wrong with it
    checks = FailedChecks()
    try:
        if last.has(chosen.records):
            say("nothing has changed since the last run, and all that is stored is as it was left")
            for record in chosen.records:
                checks.repeat(record.name, last.failed_checks(record))
            return True
        shown = shown_progress(config, chosen.steps, alone=workers == 1)
        with shown as progress, _maker(instance, config, workers, queued) as make:
            success = _run_phases(instance, config, chosen, make, checks, progress, last)
        if success and chosen.everything:
            last.keep(checks.by_asset())
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
    chosen: Chosen,
    make: Make,
    checks: FailedChecks,
    progress: RunProgress,
    last: LastRun,
) -> bool:
    def make_changed(phase: Sequence[AssetRecord], ranges: Sequence[Sequence[str]]) -> Outcome:
        return _make_changed(phase, ranges, make, checks, progress, last)

    upstream = upstream_of(instance, config)
    return make_phases(instance, Binding(config), make_changed, tell, chosen, upstream)


def _make_changed(
    phase: Sequence[AssetRecord],
    ranges: Sequence[Sequence[str]],
    make: Make,
    checks: FailedChecks,
    progress: RunProgress,
    last: LastRun,
) -> Outcome:
    """Make those assets of a phase that are not as the last run left them, where they are not."""
    changed = {record.name: last.changed(record) for record in phase}
    left = [record for record in phase if changed[record.name]]
    for record in phase:
        if record not in left:
            checks.repeat(record.name, last.failed_checks(record))
    if len(left) < len(phase):
        names = ", ".join(record.name for record in phase if record not in left)
        say(f"as the last run left it: {names}", err=True)
        progress.pass_by(len(phase) - len(left))
    parts = set().union(*changed.values())
    ranges = [between for keys in ranges if (between := _between(keys, parts)) is not None]
    progress.expect(left, ranges)
    if not left or not ranges:
        return Outcome()
    outcome = make(left, ranges)
    checks.add(outcome.checks)
    for record in left:
        last.forget(record)
    return outcome


def _between(keys: Sequence[str], wanted: Container[str]) -> Sequence[str] | None:
    """The keys from the first to the last that is wanted: one run costs more than a few of them."""
    places = [place for place, key in enumerate(keys) if key in wanted]
    if not keys:
        return keys if WHOLE in wanted else None
    return keys[places[0] : places[-1] + 1] if places else None


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
            tell("error", reason)
        return outcome

    return make_in_turn(phase, ranges, run)
