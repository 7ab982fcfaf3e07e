"""The check that a recorded subset still matches the present scores."""

import dagster as dg

from tshirt_assets.incremental.catalog import SELECTED_SUBSET
from tshirt_assets.incremental.staleness import changed_inputs
from tshirt_assets.orchestration.binding import Binding


def build_subset_check(binding: Binding) -> dg.AssetChecksDefinition:
    """`matches_current_scores`: red when a table that a subset was made from has changed since."""

    @dg.asset_check(
        asset=binding.key(SELECTED_SUBSET.name),
        name="matches_current_scores",
        description="Every subset was made from the scores that are stored now.",
        required_resource_keys={binding.resource("store")},
    )
    def matches_current_scores(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        changed = changed_inputs(
            binding.store(context),
            binding.config,
            context.instance.get_dynamic_partitions(binding.name),
        )
        return dg.AssetCheckResult(
            passed=not changed,
            severity=dg.AssetCheckSeverity.ERROR,
            metadata={"changed": dg.MetadataValue.json(changed)},
            description="; ".join(
                f"{recipe}: {', '.join(faults[:3])}" + ("…" if len(faults) > 3 else "")
                for recipe, faults in changed.items()
            )
            or "all subsets match",
        )

    return matches_current_scores
