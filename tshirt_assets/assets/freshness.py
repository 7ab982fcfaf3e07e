"""The check that a recorded subset still matches the present scores."""

import dagster as dg

from tshirt_assets.assets.binding import Binding
from tshirt_assets.assets.dataset import facts
from tshirt_assets.corpus.shards import discover_shards

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
        present: dict[tuple[str, str], str | None] = {}

        def version_now(asset: str, shard: str) -> str | None:
            if (asset, shard) not in present:
                info = store.info(binding.name, asset, shard)
                present[asset, shard] = info.meta.get("data_version") if info else None
            return present[asset, shard]

        live = {spec.key for spec in discover_shards(binding.config, missing_ok=True)}
        live &= set(context.instance.get_dynamic_partitions(binding.name))
        changed: dict[str, list[str]] = {}
        for recipe in binding.config.recipes:
            info = store.info(binding.name, SUBSET, recipe)
            if info is None:
                continue
            for asset, shards in facts(info, "inputs").items():
                faults = [
                    f"{asset} {shard}"
                    for shard, recorded in shards.items()
                    if version_now(asset, shard) != recorded["data_version"]
                ]
                faults += [
                    f"{asset} {shard} (new)"
                    for shard in sorted(live - set(shards))
                    if version_now(asset, shard) is not None
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
