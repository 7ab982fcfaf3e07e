"""What a headless run says of its events: messages, checks, and its cancellation."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import dagster as dg

from tshirt_assets.commands.terminal import TerminalHandler
from tshirt_assets.export.escaping import one_line
from tshirt_assets.incremental.progress import IN_PROGRESS
from tshirt_assets.orchestration.metadata_order import plain
from tshirt_assets.orchestration.outcome import Canceling
from tshirt_assets.orchestration.run_start import PROCESS_TAG

UNFINISHED: Final = (
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
MOST_SHARDS: Final = 3  # of a check that are named, with what it found there


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
        logger.addHandler(Canceling(instance, "Interrupted at the terminal."))
        return logger

    return plain


def _is_message(record: logging.LogRecord) -> bool:
    """Lets through what assets log; not Dagster's own event messages, nor how far they are."""
    is_event = getattr(record, "dagster_meta", {}).get("dagster_event")
    return not is_event and not any(hasattr(record, key) for key in IN_PROGRESS)


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
        values: dict[str, Any] = {key: plain(value) for key, value in check.metadata.items()}
        total += values.get("partitions", 1)
        failed += values.get("failed", 1)
        details |= values.get("details", {"": check.description or ""})
    named = [one_line(f"{key}: {detail}") for key, detail in list(details.items())[:MOST_SHARDS]]
    more = f"; and {failed - MOST_SHARDS} more" if failed > MOST_SHARDS else ""
    place = f" ({failed} of {total})" if total > 1 else ""
    return f"{level}: check {asset}.{name}{place}: {'; '.join(named)}{more}"
