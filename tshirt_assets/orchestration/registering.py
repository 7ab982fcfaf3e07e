"""Dagster gets to know the shards that there are now: new, changed, gone."""

from collections.abc import Callable

import dagster as dg

from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.sensors import observations
from tshirt_assets.orchestration.shard_changes import follow
from tshirt_assets.orchestration.upstream import Upstream

Tell = Callable[[str, str], None]
"""Takes a level (info, warning, error) and a line."""


def add_new_shards(
    instance: dg.DagsterInstance, binding: Binding, upstream: Upstream | None, tell: Tell
) -> list[str]:
    """Add a corpus's new shards as partitions and note changed ones; returns the new keys.

    `upstream`: the asset that holds the rows; None where files do. Its partitions that are gone
    are deleted here as well, which `tell` is told. Raises `CorpusError` where there never was a
    file, or where the asset cannot be looked at.
    """
    if upstream is not None:
        changes = follow(upstream)
        for shard in changes.gone:
            tell("warning", f"gone from {upstream.name}, left out from now on: {shard}")
        return changes.new
    registered = set(instance.get_dynamic_partitions(binding.name))
    specs = discover_shards(binding.config, registered, missing_ok=bool(registered))
    new = [spec.key for spec in specs if spec.key not in registered]
    if new:
        instance.add_dynamic_partitions(binding.name, new)
    for event in observations(instance, binding, specs):
        instance.report_runless_asset_event(event)
    return new
