"""The quick checks before the first asset of a run: what would fail later fails at once."""

from collections import deque
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import dagster as dg

from tshirt_assets.incremental.catalog import ASSETS
from tshirt_assets.models.gpus import claim_gpu
from tshirt_assets.orchestration.asset_run import Run
from tshirt_assets.preflight.checklist import QUICK_CHECKS, findings, said_before_a_run
from tshirt_assets.preflight.inspection import MODEL_KINDS, Inspection

PROCESS_TAG: Final = {
    "tshirt-assets/run": f"{datetime.now(UTC):%H:%M:%S UTC %Y-%m-%d} {uuid4().hex[:6]}"
}
"""Tag of the runs that a command started, here or in its workers, which take it over: it has looked
at more already. The UI shows it, and lists the runs of a command at a click: there is one for each
phase, because a run of Dagster has partitions of one kind, and a curation of three."""

_passed: deque[tuple[str, str]] = deque(maxlen=100)  # (run, corpus), of this process


def check_before(run: Run) -> None:
    """Look at the folders, and the models that the assets of the run need, once per process.

    A run that uses models then claims a GPU, where there are several.

    Files and tables are not opened and the hub is not asked. Resources that were replaced, in the
    code location or for the run, are left alone. Raises `dagster.Failure` with the remedies.
    """
    place = (run.context.run_id, run.config.name)
    if place in _passed or PROCESS_TAG.items() <= run.context.run.tags.items():
        return
    needed = _needed_resources(run)
    models = tuple(kind for kind in MODEL_KINDS if kind in needed)
    found = findings(Inspection(run.config, models, online=False), QUICK_CHECKS)
    for finding in said_before_a_run(found):
        run.log.warning(finding.line)
    faults = [finding.line for finding in found if finding.stops_a_run]
    if faults:
        raise dg.Failure("\n".join(faults))
    _passed.append(place)
    if models and (gpu := claim_gpu(run.config)) is not None:
        run.log.info(f"this run has the GPU {gpu}")


def _needed_resources(run: Run) -> set[str]:
    """Kinds of resources that the assets of the run use as the configuration describes them."""
    binding, selected = run.binding, run.context.run.asset_selection
    needed = {
        kind
        for record in ASSETS.values()
        if selected is None or binding.key(record.name) in selected
        for kind in record.resources
    }
    configured: Any = run.context.run.run_config.get("resources") or {}
    return {k for k in needed - binding.replaced if binding.resource(k) not in configured}
