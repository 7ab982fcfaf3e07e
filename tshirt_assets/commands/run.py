"""Materialize a whole corpus without the UI, in this process or in several workers."""

import logging
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import dagster as dg

from tshirt_assets.commands.crew import Crew
from tshirt_assets.commands.instance import register_shards
from tshirt_assets.commands.last_run import WHOLE, LastRun
from tshirt_assets.commands.piece import Outcome, Piece, corpus_job, run_piece
from tshirt_assets.commands.queued import Queue
from tshirt_assets.commands.run_events import FailedChecks, cancel_runs
from tshirt_assets.commands.run_progress import RunProgress, shown_progress
from tshirt_assets.commands.terminal import say
from tshirt_assets.commands.validate import refuse_what_would_fail
from tshirt_assets.commands.workers import make_together
from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.incremental.catalog import (
    SAMPLES,
    AssetRecord,
    needed_assets,
    phases,
    skipped_assets,
)
from tshirt_assets.incremental.dataset import incomplete_shards, left_out_if_incomplete
from tshirt_assets.incremental.unusable import why_unusable
from tshirt_assets.store.store import Store

logger = logging.getLogger(__name__)

Make = Callable[[Sequence[AssetRecord], Sequence[Sequence[str]]], Outcome]
"""Makes the assets of a phase over ranges of partitions, and says why any failed."""


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
    checks = FailedChecks()
    try:
        if last.has_all():
            say("nothing has changed since the last run, and all that is stored is as it was left")
            for record in needed_assets(config):
                checks.repeat(record.name, last.failed_checks(record))
            return True
        shown = shown_progress(config, alone=workers == 1)
        with shown as progress, _maker(instance, config, workers, queued) as make:
            success = _run_phases(instance, config, make, checks, progress, last)
        if success:
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
    make: Make,
    checks: FailedChecks,
    progress: RunProgress,
    last: LastRun,
) -> bool:
    register_shards(instance, config)
    if skipped := skipped_assets(config):
        say(f"not needed, skipped: {skipped}")
    registered = instance.get_dynamic_partitions(config.name)
    usable = {spec.key for spec in discover_shards(config, registered, missing_ok=True)}
    success, incomplete = True, set[str]()
    # Corpus-wide assets need all shards, so that the graph is made in phases. Each is a run of
    # its own: a shard that fails in one does not keep the others from the next.
    for phase in phases(config):
        ranges = _ranges(phase[0], registered, usable, config)
        outcome = _make_changed(phase, ranges, make, checks, progress, last)
        success &= outcome.success
        if phase == [SAMPLES]:
            usable -= outcome.failed
            shards = sorted(usable & set(registered))
            incomplete = _report_incomplete(config, shards)
            success &= not incomplete
            if not _report_usable(config, shards):
                return False
        elif not outcome.success:
            return False
        elif phase[0].unit == "corpus":  # what is measured from here on needs their results
            usable -= incomplete
    return success


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
    """A run for every range, up to the first that fails; of files that are read, all are tried."""
    total = Outcome()
    for keys in ranges:
        piece = Piece(tuple(record.name for record in phase), tuple(keys))
        outcome = run_piece(instance, config, job, piece)
        for reason in outcome.reasons:
            say(f"error: {reason}", err=True)
        total += outcome
        if not outcome.success and phase != [SAMPLES]:
            break
    return total


def _report_incomplete(config: CorpusConfig, shards: Sequence[str]) -> set[str]:
    """Say which files break off; the keys of the shards that selections leave out for it."""
    found = incomplete_shards(Store(config.store, config.storage_options), config, shards)
    left_out = left_out_if_incomplete(config)
    for shard, reason in found.items():
        level = "error" if left_out else "warning"
        say(f"{level}: samples: {shard} is incomplete: {reason}", err=True)
    return set(found) if left_out else set()


def _report_usable(config: CorpusConfig, shards: Sequence[str]) -> bool:
    """Whether there is a usable row; says why not, and what to set."""
    store = Store(config.store, config.storage_options)
    reason = why_unusable(store, config.name, SAMPLES.name, shards)
    if reason is not None:
        say(f"error: {reason}", err=True)
    return reason is None


def _ranges(
    record: AssetRecord, registered: Sequence[str], usable: set[str], config: CorpusConfig
) -> list[Sequence[str]]:
    """The ranges of partitions that a run of an asset covers; one without any for the corpus."""
    if record.unit == "corpus":
        return [()]
    return [list(config.recipes)] if record.unit == "recipe" else contiguous(registered, usable)


def contiguous(keys: Sequence[str], wanted: Iterable[str]) -> list[Sequence[str]]:
    """Runs of neighbouring keys that are wanted; Dagster materializes ranges, not sets."""
    wanted = set(wanted)
    ranges: list[list[str]] = [[]]
    for key in keys:
        if key in wanted:
            ranges[-1].append(key)
        elif ranges[-1]:
            ranges.append([])
    return [found for found in ranges if found]
