"""What a headless run says of its events: messages, failures, checks, and its cancellation."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import dagster as dg

from tshirt_assets.commands.terminal import MENDABLE, TerminalHandler
from tshirt_assets.export.escaping import one_line
from tshirt_assets.incremental.progress import IN_PROGRESS
from tshirt_assets.orchestration.run_start import PROCESS_TAG

UNFINISHED: Final = (
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
MOST_SHARDS: Final = 3  # of a check that are named, with what it found there
FRAMEWORK: Final = "dagster."  # where messages of Dagster's own wrappers begin


def unfinished_runs(
    instance: dg.DagsterInstance, tags: Mapping[str, str] = PROCESS_TAG
) -> Sequence[dg.DagsterRun]:
    """The runs of this command, or of one of its workers, that are not over."""
    return instance.get_runs(dg.RunsFilter(tags=dict(tags), statuses=list(UNFINISHED)))


def cancel_runs(instance: dg.DagsterInstance, tags: Mapping[str, str] = PROCESS_TAG) -> None:
    """Record that the runs which this command started, and will not finish, are canceled."""
    for run in unfinished_runs(instance, tags):
        instance.report_run_canceled(run, "Interrupted at the terminal; run again to continue.")


def terminal_logger(instance: dg.DagsterInstance) -> dg.LoggerDefinition:
    """The console logger of a headless run: plain lines on standard error."""

    @dg.logger({}, "Plain progress lines on standard error.")
    def plain(_context: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("tshirt_assets.terminal", logging.INFO)
        handler = TerminalHandler()
        handler.addFilter(_is_message)
        logger.addHandler(handler)
        logger.addHandler(_Canceling(instance))
        return logger

    return plain


def _is_message(record: logging.LogRecord) -> bool:
    """Lets through what assets log; not Dagster's own event messages, nor how far they are."""
    is_event = getattr(record, "dagster_meta", {}).get("dagster_event")
    return not is_event and not any(hasattr(record, key) for key in IN_PROGRESS)


class _Canceling(logging.Handler):
    """Requests the cancellation of a run when one of its steps was interrupted.

    Dagster takes an interruption that nobody requested for a failure. It decides right after it
    has logged that the step ended, and here in the same thread.
    """

    def __init__(self, instance: dg.DagsterInstance) -> None:
        super().__init__()
        self._instance = instance

    def emit(self, record: logging.LogRecord) -> None:
        meta = getattr(record, "dagster_meta", {})
        event = meta.get("dagster_event")
        if event is None or not event.is_step_failure:
            return
        source = event.step_failure_data.error_source
        run = self._instance.get_run_by_id(meta["run_id"])
        if run is not None and source is not None and source.value == "INTERRUPT":
            self._instance.report_run_canceling(run, "Interrupted at the terminal.")


def failure_reasons(failures: Iterable[dg.DagsterEvent]) -> list[str]:
    """Why steps failed, in one line each."""
    return [f"{event.step_key}: {one_line(_reason(event.step_failure_data))}" for event in failures]


def _reason(data: Any) -> str:
    """What a failed step says: its own message, never the cause behind it.

    Assets that fail on purpose give a description. Of anything else the outermost error whose
    message says what to do counts, and else the outermost that is not Dagster's.
    """
    if data.user_failure_data is not None and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    errors = list(_errors(data.error))
    names = {kind.__name__ for kind in MENDABLE}
    product = [error for error in errors if error.cls_name in names]
    others = [error for error in errors if not error.message.startswith(FRAMEWORK)]
    chosen = [*product, *others, *errors]
    return str(chosen[0].message).strip() if chosen else "no reason given"


def _errors(error: Any) -> Iterator[Any]:
    while error is not None:
        yield error
        error = error.cause


class FailedChecks:
    """The checks of all runs that failed, or gave a warning, to be listed at the end."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], list[dg.AssetCheckEvaluation]] = {}
        self._earlier: dict[str, list[str]] = {}

    def add(self, failed: Iterable[dg.AssetCheckEvaluation]) -> None:
        """Take in the failed checks of a run."""
        for check in failed:
            place = (check.asset_key.path[-1], check.check_name)
            self._found.setdefault(place, []).append(check)

    def repeat(self, asset: str, lines: Sequence[str]) -> None:
        """Take over what was found of an asset that need not be run again."""
        if lines:
            self._earlier[asset] = [*lines]

    def by_asset(self) -> dict[str, list[str]]:
        """One line each, by asset: severity, check, in how many partitions, and what it found."""
        found = {asset: [*lines] for asset, lines in self._earlier.items()}
        for (asset, name), checks in self._found.items():
            found.setdefault(asset, []).append(_check_line(asset, name, checks))
        return found

    def lines(self) -> list[str]:
        """All of them."""
        return [line for lines in self.by_asset().values() for line in lines]


def _check_line(asset: str, name: str, checks: Iterable[dg.AssetCheckEvaluation]) -> str:
    level, total, failed = "warning", 0, 0
    details: dict[str, str] = {}
    for check in checks:
        if check.severity is dg.AssetCheckSeverity.ERROR:
            level = "error"
        values: dict[str, Any] = {key: value.value for key, value in check.metadata.items()}
        total += values.get("partitions", 1)
        failed += values.get("failed", 1)
        details |= values.get("details", {"": check.description or ""})
    named = [one_line(f"{key}: {detail}") for key, detail in list(details.items())[:MOST_SHARDS]]
    more = f"; and {failed - MOST_SHARDS} more" if failed > MOST_SHARDS else ""
    place = f" ({failed} of {total})" if total > 1 else ""
    return f"{level}: check {asset}.{name}{place}: {'; '.join(named)}{more}"
