"""Materialize a whole corpus in one process, without the UI."""

import logging
import os
import sys
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import dagster as dg

from tshirt_assets.assets.binding import Binding
from tshirt_assets.assets.sensors import observations
from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.factory import build_curation_defs

# Global assets need all shards, so the graph runs in phases. Each stage of a phase is a run of
# its own: a shard that fails there does not keep the others from the next one.
PHASES: tuple[tuple[str, ...], ...] = (
    ("samples",),
    ("embeddings", "token_scores"),
    ("contenders", "calibration", "neighbours", "search"),
    ("robust_scores", "miwv_scores"),
    ("selected_subset",),
)
DATASET_WIDE = {"contenders", "calibration", "neighbours", "search"}


def open_instance(config: CorpusConfig) -> dg.DagsterInstance:
    """The Dagster instance of `$DAGSTER_HOME`, or of a folder beside the corpus's exports.

    A new home gets a dagster.yaml with the recommended settings.
    """
    default = Path(config.export_dir).parent / "dagster"
    home = Path(os.environ.setdefault("DAGSTER_HOME", str(default.resolve())))
    home.mkdir(parents=True, exist_ok=True)
    settings = home / "dagster.yaml"
    if not settings.exists():
        settings.write_text(files("tshirt_assets").joinpath("dagster.yaml").read_text())
    return dg.DagsterInstance.get()


def register_shards(instance: dg.DagsterInstance, config: CorpusConfig) -> list[str]:
    """Add the corpus's new shards as partitions and note changed files; returns the new keys."""
    binding = Binding(config)
    registered = set(instance.get_dynamic_partitions(config.name))
    specs = discover_shards(config, missing_ok=bool(registered))
    new = [spec.key for spec in specs if spec.key not in registered]
    if new:
        instance.add_dynamic_partitions(config.name, new)
    for event in observations(instance, binding, specs):
        instance.report_runless_asset_event(event)
    return new


def forget_missing_shards(instance: dg.DagsterInstance, config: CorpusConfig) -> None:
    """Delete the partitions of shards whose file is gone."""
    live = {spec.key for spec in discover_shards(config)}
    for shard in instance.get_dynamic_partitions(config.name):
        if shard not in live:
            instance.delete_dynamic_partition(config.name, shard)


def run_corpus(instance: dg.DagsterInstance, config: CorpusConfig) -> bool:
    """Materialize every asset of a corpus; True if nothing failed.

    What is already stored is reused, so running again after a crash or with new files continues.
    A shard whose file cannot be read is reported and left out; the others go on.
    """
    register_shards(instance, config)
    job = dg.Definitions.merge(
        build_curation_defs(config), dg.Definitions(loggers={"console": terminal_logger})
    ).resolve_implicit_global_asset_job_def()
    registered = instance.get_dynamic_partitions(config.name)
    usable = {spec.key for spec in discover_shards(config, missing_ok=True)}
    success = True
    for phase in PHASES:
        if phase[0] in DATASET_WIDE:
            ranges: list[Sequence[str]] = [()]
        elif phase == ("selected_subset",):
            ranges = [list(config.recipes)]
        else:
            ranges = contiguous(registered, usable)
        for keys in ranges:
            result = job.execute_in_process(
                instance=instance,
                asset_selection=[
                    dg.AssetKey([config.name, asset])
                    for asset in phase
                    if asset != "calibration" or config.needs_calibration
                ],
                tags=_range_tags(keys),
                run_config={"loggers": {"console": {"config": {}}}},
                raise_on_error=False,
            )
            success &= result.success
            if not result.success:
                _explain(result)
            if phase == ("samples",):
                usable -= _failed_partitions(result)
            elif not result.success:
                return False
    return success


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


def _explain(result: dg.ExecuteInProcessResult) -> None:
    """Say in one line each why steps failed: the innermost error holds the remedy."""
    for event in result.get_step_failure_events():
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None:
            message = error.message.strip().splitlines()[0]
            print(f"error: {event.step_key}: {message}", file=sys.stderr)


class _PlainFormatter(logging.Formatter):
    """The message alone, and errors with their cause: no run ids on a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        meta = getattr(record, "dagster_meta", {})
        message = meta.get("orig_message") or record.getMessage()
        return f"{record.levelname}: {message}" if record.levelno >= logging.WARNING else message


class _UserMessages(logging.Filter):
    """Lets through what assets log, and drops Dagster's own event messages."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not getattr(record, "dagster_meta", {}).get("dagster_event")


@dg.logger({}, "Plain progress lines on standard error.")
def terminal_logger(_context: dg.InitLoggerContext) -> logging.Logger:
    """Console logger of headless runs."""
    logger = logging.Logger("tshirt_assets.terminal", logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_PlainFormatter())
    handler.addFilter(_UserMessages())
    logger.addHandler(handler)
    return logger
