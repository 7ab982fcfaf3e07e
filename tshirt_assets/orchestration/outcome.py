"""What came of runs: what failed, why, and which checks; and their cancellation."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import dagster as dg

from tshirt_assets.export.escaping import one_line
from tshirt_assets.orchestration.declaring import REMEDIED
from tshirt_assets.preflight.finding import PreflightError

FRAMEWORK: Final = "dagster."  # where messages of Dagster's own wrappers begin


@dataclass(frozen=True)
class Outcome:
    """What came of a run, or of several.

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


def outcome_of(result: dg.ExecuteInProcessResult) -> Outcome:
    """What came of one run in this process. Raises `KeyboardInterrupt` if it was interrupted."""
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


def range_tags(keys: Sequence[str]) -> dict[str, str]:
    """Tags of a run over a range of partitions, from the first to the last of `keys`."""
    if not keys:
        return {}
    return {
        "dagster/asset_partition_range_start": keys[0],
        "dagster/asset_partition_range_end": keys[-1],
    }


def failure_reasons(failures: Iterable[dg.DagsterEvent]) -> list[str]:
    """Why steps failed, in one line each."""
    return [f"{event.step_key}: {one_line(_reason(event.step_failure_data))}" for event in failures]


class Canceling(logging.Handler):
    """Requests the cancellation of a run when one of its steps was interrupted.

    Dagster takes an interruption that nobody requested for a failure. It decides right after it
    has logged that the step ended, and here in the same thread.
    """

    def __init__(self, instance: dg.DagsterInstance, said: str) -> None:
        super().__init__()
        self._instance, self._said = instance, said

    def emit(self, record: logging.LogRecord) -> None:
        """Look at one message of a run."""
        meta = getattr(record, "dagster_meta", {})
        event = meta.get("dagster_event")
        if event is None or not event.is_step_failure:
            return
        source = event.step_failure_data.error_source
        run = self._instance.get_run_by_id(meta["run_id"])
        if run is not None and source is not None and source.value == "INTERRUPT":
            self._instance.report_run_canceling(run, self._said)


def _failed_partitions(event: dg.DagsterEvent) -> frozenset[str]:
    """The partitions that a failed step names; none if it failed as a whole."""
    failure: Any = event.step_failure_data.user_failure_data
    named = failure.metadata.get("failed") if failure else None
    return frozenset(named.value) if named else frozenset()


def _reason(data: Any) -> str:
    """What a failed step says: its own message, never the cause behind it.

    Assets that fail on purpose give a description. Of anything else the outermost error whose
    message says what to do counts, and else the outermost that is not Dagster's.
    """
    if data.user_failure_data is not None and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    errors = list(_errors(data.error))
    names = {kind.__name__ for kind in (*REMEDIED, PreflightError)}
    product = [error for error in errors if error.cls_name in names]
    others = [error for error in errors if not error.message.startswith(FRAMEWORK)]
    chosen = [*product, *others, *errors]
    return str(chosen[0].message).strip() if chosen else "no reason given"


def _errors(error: Any) -> Iterator[Any]:
    while error is not None:
        yield error
        error = error.cause
