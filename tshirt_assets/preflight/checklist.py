"""All checks before a run, and those that are cheap enough to be made more often."""

from collections.abc import Callable, Iterable
from typing import Final

from tshirt_assets.preflight.budgets import budget_findings
from tshirt_assets.preflight.disk_space import disk_findings
from tshirt_assets.preflight.finding import Finding
from tshirt_assets.preflight.folders import folder_findings
from tshirt_assets.preflight.inspection import MODEL_KINDS, Inspection
from tshirt_assets.preflight.models_check import model_findings
from tshirt_assets.preflight.rows_check import row_findings
from tshirt_assets.preflight.store_check import store_findings

Check = Callable[[Inspection], Iterable[Finding]]

LOADING_CHECKS: Final[tuple[Check, ...]] = (budget_findings, folder_findings)
"""Those that take no time at all: whenever a component is loaded."""
QUICK_CHECKS: Final[tuple[Check, ...]] = (folder_findings, model_findings)
"""Those that open neither the corpus nor its tables: before every run from the UI."""
CHECKS: Final[tuple[Check, ...]] = (
    budget_findings,
    folder_findings,
    disk_findings,
    row_findings,
    model_findings,
    store_findings,
)


def said_before_a_run(found: Iterable[Finding]) -> list[Finding]:
    """What is said when a run begins and goes on.

    Not what is to be known of models that can be used: their load says it.
    """
    return [
        finding
        for finding in found
        if finding.severity != "ok"
        and not finding.stops_a_run
        and not (finding.severity == "warning" and finding.place in MODEL_KINDS)
    ]


def findings(inspection: Inspection, checks: Iterable[Check] = CHECKS) -> list[Finding]:
    """Everything that the checks find, in their order. Nothing is written, no weights loaded."""
    return [finding for check in checks for finding in check(inspection)]
