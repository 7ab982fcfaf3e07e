"""Materialize a whole corpus in one process, without the UI."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

import dagster as dg

from tshirt_assets.commands.instance import register_shards
from tshirt_assets.commands.terminal import explain_failures, terminal_logger
from tshirt_assets.commands.validate import refuse_what_would_fail
from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.factory import build_curation_defs
from tshirt_assets.incremental.catalog import SAMPLES, AssetRecord, phases
from tshirt_assets.incremental.dataset import incomplete_shards, left_out_if_incomplete
from tshirt_assets.store.store import Store


def run_corpus(instance: dg.DagsterInstance, config: CorpusConfig) -> bool:
    """Materialize every asset of a corpus; True if nothing failed.

    What is already stored is reused, so running again after a crash or with new files continues.
    A shard whose file cannot be read is reported and left out; the others go on. So is one whose
    file breaks off, after its rows were scored; with `on_incomplete: keep` it is only reported.
    Raises `PreflightError` where the checks of `validate` show that nothing would come of it.
    """
    refuse_what_would_fail(config)
    register_shards(instance, config)
    job = dg.Definitions.merge(
        build_curation_defs(config), dg.Definitions(loggers={"console": terminal_logger})
    ).resolve_implicit_global_asset_job_def()
    registered = instance.get_dynamic_partitions(config.name)
    usable = {spec.key for spec in discover_shards(config, registered, missing_ok=True)}
    success, incomplete = True, set[str]()
    # Corpus-wide assets need all shards, so that the graph is made in phases. Each is a run of
    # its own: a shard that fails in one does not keep the others from the next.
    for phase in phases(config):
        for keys in _ranges(phase[0], registered, usable, config):
            result = job.execute_in_process(
                instance=instance,
                asset_selection=[dg.AssetKey([config.name, record.name]) for record in phase],
                tags=_range_tags(keys),
                run_config={"loggers": {"console": {"config": {}}}},
                raise_on_error=False,
            )
            success &= result.success
            if not result.success:
                explain_failures(result)
            if phase == [SAMPLES]:
                usable -= _failed_partitions(result)
            elif not result.success:
                return False
        if phase == [SAMPLES]:
            incomplete = _report_incomplete(config, sorted(usable & set(registered)))
            success &= not incomplete
        elif phase[0].unit == "corpus":  # what is measured from here on needs their results
            usable -= incomplete
    return success


def _report_incomplete(config: CorpusConfig, shards: Sequence[str]) -> set[str]:
    """Say which files break off; the keys of the shards that selections leave out for it."""
    found = incomplete_shards(Store(config.store, config.storage_options), config, shards)
    left_out = left_out_if_incomplete(config)
    for shard, reason in found.items():
        level = "error" if left_out else "warning"
        print(f"{level}: samples: {shard} is incomplete: {reason}", file=sys.stderr)
    return set(found) if left_out else set()


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
