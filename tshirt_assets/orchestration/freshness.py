"""The check that a recorded subset still matches the present scores."""

import dagster as dg

from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.incremental.dataset import facts
from tshirt_assets.orchestration.binding import Binding

SUBSET = "selected_subset"


def build_subset_check(binding: Binding) -> dg.AssetChecksDefinition:
    """`matches_current_scores`: red when a table that a subset was made from has changed since."""

    @dg.asset_check(
        asset=binding.key(SUBSET),
        name="matches_current_scores",
        description="Every subset was made from the scores that are stored now.",
        required_resource_keys={binding.resource("store")},
    )
    def matches_current_scores(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        store = binding.store(context)
        subsets = {
            recipe: facts(info, "inputs")
            for recipe in binding.config.recipes
            if (info := store.info(binding.name, SUBSET, recipe)) is not None
        }
        live = {spec.key for spec in discover_shards(binding.config, missing_ok=True)}
        live &= set(context.instance.get_dynamic_partitions(binding.name))
        present: dict[str, dict[str, str]] = {}
        for asset in {asset for inputs in subsets.values() for asset in inputs}:
            tables = store.stored(binding.name, asset)
            present[asset] = {t.meta["shard"]: t.meta["data_version"] for t in tables}
        changed: dict[str, list[str]] = {}
        for recipe, inputs in subsets.items():
            for asset, shards in inputs.items():
                now = present[asset]
                faults = [
                    f"{asset} {shard}"
                    for shard, recorded in shards.items()
                    if now.get(shard) != recorded["data_version"]
                ]
                faults += [
                    f"{asset} {shard} (new)" for shard in sorted(live & set(now) - set(shards))
                ]
                if faults:
                    changed.setdefault(recipe, []).extend(faults)
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
