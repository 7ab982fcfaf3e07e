"""Whether anything of a corpus is being made, in whichever way it was started."""

from collections.abc import Sequence

import dagster as dg
from dagster._core.execution.backfill import (
    BULK_ACTION_TERMINAL_STATUSES,
    BulkActionsFilter,
    BulkActionStatus,
)

from tshirt_assets.incremental.catalog import ASSETS
from tshirt_assets.orchestration.binding import Binding

UNFINISHED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


def runs_at_work(instance: dg.DagsterInstance, binding: Binding) -> list[dg.DagsterRun]:
    """The unfinished runs with a step of the corpus."""
    runs = instance.get_runs(dg.RunsFilter(statuses=list(UNFINISHED)))
    own = binding.op("")
    return [run for run in runs if any(step.startswith(own) for step in _steps(instance, run))]


def is_at_work(instance: dg.DagsterInstance, binding: Binding) -> bool:
    """Whether a run or a backfill of the corpus is queued or in progress."""
    if runs_at_work(instance, binding):
        return True
    waiting = [s for s in BulkActionStatus if s not in BULK_ACTION_TERMINAL_STATUSES]
    backfills = instance.get_backfills(filters=BulkActionsFilter(statuses=waiting))
    own = {binding.key(name) for name in ASSETS}
    return any(own.intersection(backfill.asset_selection or ()) for backfill in backfills)


def _steps(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Sequence[str]:
    if run.execution_plan_snapshot_id is None:
        return ()
    return instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id).step_keys_to_execute
