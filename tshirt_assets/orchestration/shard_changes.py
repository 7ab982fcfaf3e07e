"""What has changed in front of a corpus since Dagster was told last."""

from dataclasses import dataclass
from typing import Any

import dagster as dg

from tshirt_assets.orchestration.upstream import ROWS, Upstream
from tshirt_assets.orchestration.versions import changed_observations


@dataclass(frozen=True)
class Changes:
    """The shards that an asset upstream has, and how that differs from what is registered.

    gone: registered, but not there any more; empty where nothing is there, as while all of it is
    made again. events: observations of `source`, for every shard with another version.
    """

    present: list[str]
    new: list[str]
    gone: list[str]
    events: list[dg.AssetObservation]


def upstream_changes(upstream: Upstream) -> Changes:
    """Hold the shards of an asset to those that are registered. Raises `CorpusError`."""
    instance, binding = upstream.instance, upstream.binding
    registered = instance.get_dynamic_partitions(binding.name)
    versions = upstream.shards()
    metadata: dict[str, Any] = {}
    if versions and not upstream.partitioned:
        metadata = {key: {ROWS: upstream.rows} for key in versions}
    return Changes(
        present=list(versions),
        new=[key for key in versions if key not in set(registered)],
        gone=[key for key in registered if key not in versions] if versions else [],
        events=changed_observations(instance, binding.key(binding.origin), versions, metadata),
    )


def follow(upstream: Upstream) -> Changes:
    """Register what is new in an asset, delete what is gone, and note what has changed.

    Raises `CorpusError`.
    """
    instance, corpus = upstream.instance, upstream.binding.name
    changes = upstream_changes(upstream)
    if changes.new:
        instance.add_dynamic_partitions(corpus, changes.new)
    for shard in changes.gone:
        instance.delete_dynamic_partition(corpus, shard)
    for event in changes.events:
        instance.report_runless_asset_event(event)
    return changes
