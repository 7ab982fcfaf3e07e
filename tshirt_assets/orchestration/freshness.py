"""The check that a recorded subset still matches the present scores."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from tshirt_assets.incremental.catalog import SELECTED_SUBSET
from tshirt_assets.incremental.staleness import changed_inputs
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.metadata_order import facts_table
from tshirt_assets.store.store import Store

MATCHES: Final = "matches_current_scores"


def build_subset_check(binding: Binding) -> dg.AssetChecksDefinition:
    """`matches_current_scores`: red when a table that a subset was made from has changed since."""

    @dg.asset_check(
        asset=binding.key(SELECTED_SUBSET.name),
        name=MATCHES,
        description="Every subset was made from the scores that are stored now.",
        required_resource_keys={binding.resource("store")},
        blocking=binding.blocks,
    )
    def matches_current_scores(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        registered = context.instance.get_dynamic_partitions(binding.name)
        found = changed_inputs(binding.store(context), binding.config, registered)
        return dg.AssetCheckResult(**_outcome(found))

    return matches_current_scores


def subset_evaluation(
    binding: Binding, store: Store, registered: Collection[str]
) -> dg.AssetCheckEvaluation:
    """`matches_current_scores` as it is now, to be recorded outside of a run of the check."""
    found = changed_inputs(store, binding.config, registered)
    return dg.AssetCheckEvaluation(
        asset_key=binding.key(SELECTED_SUBSET.name), check_name=MATCHES, **_outcome(found)
    )


def is_red(instance: dg.DagsterInstance, binding: Binding) -> bool:
    """Whether `matches_current_scores` failed when it was last evaluated."""
    key = dg.AssetCheckKey(binding.key(SELECTED_SUBSET.name), MATCHES)
    found = instance.event_log_storage.get_latest_asset_check_execution_by_key([key]).get(key)
    return found is not None and found.status is AssetCheckExecutionRecordStatus.FAILED


def _outcome(changed: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    return {
        "passed": not changed,
        "severity": dg.AssetCheckSeverity.ERROR,
        "metadata": {
            "changed": facts_table(
                {recipe: ", ".join(faults) for recipe, faults in changed.items()},
                "recipe",
                "changed since",
            )
        },
        "description": "; ".join(
            f"{recipe}: {', '.join(faults[:3])}" + ("…" if len(faults) > 3 else "")
            for recipe, faults in changed.items()
        )
        or "all subsets match",
    }
