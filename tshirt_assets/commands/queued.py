"""The phases of a run as backfills on the queue of a Dagster that runs elsewhere."""

import time
from collections.abc import Iterator, Sequence
from typing import Final

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.execution.backfill import (
    BULK_ACTION_TERMINAL_STATUSES,
    BulkActionStatus,
    PartitionBackfill,
)
from dagster._core.utils import make_new_backfill_id
from dagster._daemon.controller import get_daemon_statuses

from tshirt_assets.commands.terminal import say
from tshirt_assets.config import ConfigError, CorpusConfig
from tshirt_assets.factory import build_curation_defs
from tshirt_assets.incremental.catalog import AssetRecord
from tshirt_assets.orchestration.outcome import Outcome, failure_reasons

ATTEMPTS: Final = 2  # at every partition: a run may have been killed
DAEMON: Final = "BACKFILL"
DAEMON_SECONDS: Final = 120.0  # without a sign of life, after which it is taken for dead
POLL_SECONDS: Final = 2.0


class Queue:
    """The queue of the Dagster instance, for the assets of a corpus.

    Raises `ConfigError` where no daemon works on the instance: a backfill would wait forever.
    """

    def __init__(self, instance: dg.DagsterInstance, config: CorpusConfig):
        self._instance, self._config = instance, config
        graph: BaseAssetGraph = build_curation_defs(config).get_repository_def().asset_graph
        self._graph = graph
        daemon = get_daemon_statuses(
            instance, [DAEMON], ignore_errors=True, heartbeat_tolerance_seconds=DAEMON_SECONDS
        )
        if not daemon[DAEMON].healthy:
            raise ConfigError(
                f"--queued: no Dagster daemon works on {instance.root_directory}; start `dagster "
                "dev` or `dagster-daemon run` with this DAGSTER_HOME, and the corpus in it"
            )

    def make(self, phase: Sequence[AssetRecord], ranges: Sequence[Sequence[str]]) -> Outcome:
        """Make the assets of a phase over ranges of partitions, and say why any failed."""
        partitions: list[str | None] = [key for keys in ranges for key in keys]
        if phase[0].unit == "corpus":
            partitions.append(None)
        left = AssetGraphSubset.from_asset_partition_set(
            {
                AssetKeyPartitionKey(dg.AssetKey([self._config.name, record.name]), partition)
                for record in phase
                for partition in partitions
            },
            self._graph,
        )
        total = Outcome()
        for _ in range(ATTEMPTS):
            if left.is_empty:
                break
            backfill = self._finished(left)
            data = backfill.get_asset_backfill_data(self._graph)
            left = data.target_subset - data.materialized_subset
            failed = {at.partition_key for at in left.iterate_asset_partitions()}
            total = Outcome(
                failed=frozenset(key for key in failed if key is not None),
                wholly=None in failed,
                reasons=tuple(self._reasons(backfill)) if not left.is_empty else (),
                checks=total.checks + tuple(self._failed_checks(backfill)),
            )
        for reason in total.reasons:
            say(f"error: {reason}", err=True)
        return total

    def _finished(self, wanted: AssetGraphSubset) -> PartitionBackfill:
        """A backfill over assets and partitions, once it is over. Interrupted, it is canceled."""
        backfill = PartitionBackfill.from_asset_graph_subset(
            backfill_id=make_new_backfill_id(),
            backfill_timestamp=time.time(),
            tags={},
            dynamic_partitions_store=self._instance,
            asset_graph_subset=wanted,
            title=f"tshirt-assets run --queued, {self._config.name}",
            description=None,
            run_config=None,
        )
        self._instance.add_backfill(backfill)
        names = ", ".join(sorted(key.path[-1] for key in wanted.asset_keys))
        say(f"queued: {names} (backfill {backfill.backfill_id})", err=True)
        try:
            while (found := self._present(backfill)).status not in BULK_ACTION_TERMINAL_STATUSES:
                time.sleep(POLL_SECONDS)
        except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
            canceling = self._present(backfill).with_status(BulkActionStatus.CANCELING)
            self._instance.update_backfill(canceling)
            raise
        return found

    def _present(self, backfill: PartitionBackfill) -> PartitionBackfill:
        found = self._instance.get_backfill(backfill.backfill_id)
        assert found is not None, "nobody deletes backfills"
        return found

    def _reasons(self, backfill: PartitionBackfill) -> Iterator[str]:
        """Why a backfill, or runs of it, failed."""
        if backfill.error is not None:
            yield f"backfill {backfill.backfill_id}: {backfill.error.message.strip()}"
        for run, events in self._events(backfill, dg.DagsterEventType.STEP_FAILURE):
            if run.status is not dg.DagsterRunStatus.SUCCESS:
                yield from failure_reasons(events) or [f"run {run.run_id}: {run.status.value}"]

    def _failed_checks(self, backfill: PartitionBackfill) -> Iterator[dg.AssetCheckEvaluation]:
        for _, events in self._events(backfill, dg.DagsterEventType.ASSET_CHECK_EVALUATION):
            for check in (event.asset_check_evaluation_data for event in events):
                if not check.passed:
                    yield check

    def _events(
        self, backfill: PartitionBackfill, kind: dg.DagsterEventType
    ) -> Iterator[tuple[dg.DagsterRun, list[dg.DagsterEvent]]]:
        """The events of a kind, by run of a backfill."""
        for run in self._instance.get_runs(dg.RunsFilter.for_backfill(backfill.backfill_id)):
            entries = self._instance.all_logs(run.run_id, of_type=kind)
            yield run, [entry.dagster_event for entry in entries if entry.dagster_event]
