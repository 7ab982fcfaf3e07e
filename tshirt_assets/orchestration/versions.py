"""Data versions of partitions, as Dagster's records have them."""

from collections.abc import Mapping
from typing import Any, Final

import dagster as dg

DATA_VERSION: Final = "dagster/data_version"
"""The tag in which an event records one."""
OBSERVATION: Final = dg.DagsterEventType.ASSET_OBSERVATION


def shard_versions(
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    kind: dg.DagsterEventType = dg.DagsterEventType.ASSET_MATERIALIZATION,
) -> dict[str, str]:
    """The last recorded data version of every partition of an asset."""
    found = instance.event_log_storage.get_latest_tags_by_partition(key, kind, [DATA_VERSION])
    return {
        partition: tags[DATA_VERSION] for partition, tags in found.items() if DATA_VERSION in tags
    }


def changed_observations(
    instance: dg.DagsterInstance,
    key: dg.AssetKey,
    versions: Mapping[str, str],
    metadata: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[dg.AssetObservation]:
    """An observation of every partition whose version is not the last observed one.

    `metadata`: by partition, of its observation.
    """
    known = shard_versions(instance, key, OBSERVATION)
    return [
        dg.AssetObservation(
            asset_key=key,
            partition=partition,
            tags={DATA_VERSION: version, f"{DATA_VERSION}_is_user_provided": "true"},
            metadata=(metadata or {}).get(partition),
        )
        for partition, version in versions.items()
        if known.get(partition) != version
    ]
