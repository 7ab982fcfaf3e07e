"""A piece of a corpus's work: one run over some partitions of some assets, and what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from tshirt_assets.commands.run_events import failure_reasons, terminal_logger
from tshirt_assets.commands.source_definitions import source_definitions
from tshirt_assets.config import CorpusConfig
from tshirt_assets.factory import build_curation_defs
from tshirt_assets.orchestration.run_start import PROCESS_TAG


@dataclass(frozen=True)
class Piece:
    """What one run makes of some assets: neighbouring partitions, or (no keys) the whole corpus."""

    assets: tuple[str, ...]
    keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        which = self.keys[0] if len(self.keys) == 1 else f"{len(self.keys)} partitions"
        return ", ".join(self.assets) + f" of {which}" * bool(self.keys)


@dataclass(frozen=True)
class Outcome:
    """What came of a piece, or of several.

    failed: the partitions that failed. wholly: an asset failed without naming partitions, before
    it began with any or over the whole corpus. reasons: a line for each failed step. checks:
    those that failed or gave a warning.
    """

    failed: frozenset[str] = frozenset()
    wholly: bool = False
    reasons: tuple[str, ...] = ()
    checks: tuple[dg.AssetCheckEvaluation, ...] = ()

    @property
    def success(self) -> bool:
        """Whether nothing failed."""
        return not (self.failed or self.wholly or self.reasons)

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(
            self.failed | other.failed,
            self.wholly or other.wholly,
            self.reasons + other.reasons,
            self.checks + other.checks,
        )


def corpus_job(instance: dg.DagsterInstance, config: CorpusConfig) -> dg.JobDefinition:
    """The job over all assets of a corpus, with what it logs on standard error.

    Raises `ConfigError` where the asset that holds the rows is not defined in a module that is
    named.
    """
    loggers = {"console": terminal_logger(instance)}
    return dg.Definitions.merge(
        build_curation_defs(config), source_definitions(config), dg.Definitions(loggers=loggers)
    ).resolve_implicit_global_asset_job_def()


def run_piece(
    instance: dg.DagsterInstance,
    config: CorpusConfig,
    job: dg.JobDefinition,
    piece: Piece,
    tags: Mapping[str, str] = PROCESS_TAG,
) -> Outcome:
    """Run a piece in this process. Raises `KeyboardInterrupt` if it was interrupted."""
    result = job.execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey([config.name, asset]) for asset in piece.assets],
        tags={**tags, **_range_tags(piece.keys)},
        run_config={"loggers": {"console": {"config": {}}}},
        raise_on_error=False,
    )
    if result.dagster_run.status is dg.DagsterRunStatus.CANCELED:
        raise KeyboardInterrupt
    failures = result.get_step_failure_events()
    failed = [_failed_partitions(event) for event in failures]
    return Outcome(
        failed=frozenset().union(*failed),
        wholly=not result.success and not (failed and all(failed)),
        reasons=tuple(failure_reasons(failures)),
        checks=tuple(check for check in result.get_asset_check_evaluations() if not check.passed),
    )


def _range_tags(keys: Sequence[str]) -> dict[str, str]:
    if not keys:
        return {}
    return {
        "dagster/asset_partition_range_start": keys[0],
        "dagster/asset_partition_range_end": keys[-1],
    }


def _failed_partitions(event: dg.DagsterEvent) -> frozenset[str]:
    """The partitions that a failed step names; none if it failed as a whole."""
    failure: Any = event.step_failure_data.user_failure_data
    named = failure.metadata.get("failed") if failure else None
    return frozenset(named.value) if named else frozenset()
