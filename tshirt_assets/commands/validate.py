"""Say everything that can be known of a corpus before anything is paid for."""

from collections.abc import Sequence

from tshirt_assets.commands.terminal import say
from tshirt_assets.config import CorpusConfig
from tshirt_assets.preflight.checklist import findings, said_before_a_run
from tshirt_assets.preflight.finding import Finding, PreflightError
from tshirt_assets.preflight.inspection import Inspection, needed_models

FILES_BEFORE_A_RUN = 50  # whose first rows are looked at; `validate` looks at all


def validate(config: CorpusConfig) -> list[Finding]:
    """Findings about files, rows, models, folders, the store and unusual options of a corpus."""
    return findings(Inspection(config, needed_models(config)))


def validation_lines(found: Sequence[Finding]) -> list[str]:
    """A line per finding, then a summary."""
    counts = {kind: sum(f.severity == kind for f in found) for kind in ("error", "warning")}
    words = [f"{count} {kind}{'s' * (count != 1)}" for kind, count in counts.items()]
    return [*map(str, found), ", ".join(words)]


def refuse_what_would_fail(config: CorpusConfig, *, rows: bool = True) -> None:
    """Look at a corpus before a run of it; faults that the run can leave out are only reported.

    rows: whether its files are looked into. Raises `PreflightError` for what would make the whole
    run fail.
    """
    most = FILES_BEFORE_A_RUN if rows else 0
    found = findings(Inspection(config, needed_models(config), most_files=most))
    for finding in said_before_a_run(found):
        say(str(finding), err=True)
    faults = [finding.line for finding in found if finding.stops_a_run]
    if faults:
        raise PreflightError("\n".join(faults))
