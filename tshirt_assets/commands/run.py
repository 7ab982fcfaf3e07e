"""Materialize a whole corpus in one process, without the UI."""

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import dagster as dg

from tshirt_assets.commands.instance import register_shards
from tshirt_assets.commands.last_run import LastRun
from tshirt_assets.commands.run_events import (
    FailedChecks,
    cancel_runs,
    explain_failures,
    terminal_logger,
)
from tshirt_assets.commands.terminal import say
from tshirt_assets.commands.validate import refuse_what_would_fail
from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.factory import build_curation_defs
from tshirt_assets.incremental.catalog import SAMPLES, AssetRecord, phases, skipped_assets
from tshirt_assets.incremental.dataset import incomplete_shards, left_out_if_incomplete
from tshirt_assets.incremental.unusable import why_unusable
from tshirt_assets.orchestration.run_start import PROCESS_TAG
from tshirt_assets.store.store import Store

logger = logging.getLogger(__name__)


def run_corpus(instance: dg.DagsterInstance, config: CorpusConfig) -> bool:
    """Materialize every asset of a corpus; True if nothing failed.

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
        success = _run_phases(instance, config, checks)
        if success:
            last.keep(checks.lines())
        return success
    except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        cancel_runs(instance)
        raise KeyboardInterrupt from None
    finally:
        for line in checks.lines():
            say(line, err=True)


def _run_phases(instance: dg.DagsterInstance, config: CorpusConfig, checks: FailedChecks) -> bool:
    register_shards(instance, config)
    if skipped := skipped_assets(config):
        say(f"not needed, skipped: {skipped}")
    job = dg.Definitions.merge(
        build_curation_defs(config), dg.Definitions(loggers={"console": terminal_logger(instance)})
    ).resolve_implicit_global_asset_job_def()
    registered = instance.get_dynamic_partitions(config.name)
    usable = {spec.key for spec in discover_shards(config, registered, missing_ok=True)}
    success, incomplete = True, set[str]()
    # Corpus-wide assets need all shards, so that the graph is made in phases. Each is a run of
    # its own: a shard that fails in one does not keep the others from the next.
    for phase in phases(config):
        for keys in _ranges(phase[0], registered, usable, config):
            result = _run_assets(instance, config, job, phase, keys)
            checks.add(result)
            success &= result.success
            if phase == [SAMPLES]:
                usable -= _failed_partitions(result)
            elif not result.success:
                return False
        if phase == [SAMPLES]:
            shards = sorted(usable & set(registered))
            incomplete = _report_incomplete(config, shards)
            success &= not incomplete
            if not _report_usable(config, shards):
                return False
        elif phase[0].unit == "corpus":  # what is measured from here on needs their results
            usable -= incomplete
    return success


def _run_assets(
    instance: dg.DagsterInstance,
    config: CorpusConfig,
    job: dg.JobDefinition,
    phase: Sequence[AssetRecord],
    keys: Sequence[str],
) -> dg.ExecuteInProcessResult:
    """One run over the assets of a phase; says why it failed. Raises if it was interrupted."""
    result = job.execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey([config.name, record.name]) for record in phase],
        tags=PROCESS_TAG | _range_tags(keys),
        run_config={"loggers": {"console": {"config": {}}}},
        raise_on_error=False,
    )
    if result.dagster_run.status is dg.DagsterRunStatus.CANCELED:
        raise KeyboardInterrupt
    if not result.success:
        explain_failures(result)
    return result


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


def _range_tags(keys: Sequence[str]) -> dict[str, str]:
    if not keys:
        return {}
    return {
        "dagster/asset_partition_range_start": keys[0],
        "dagster/asset_partition_range_end": keys[-1],
    }


def _failed_partitions(result: dg.ExecuteInProcessResult) -> set[str]:
    failed: set[str] = set()
    for event in result.get_step_failure_events():
        failure: Any = event.step_failure_data.user_failure_data
        if failure and "failed" in failure.metadata:
            failed |= set(failure.metadata["failed"].value)
    return failed
