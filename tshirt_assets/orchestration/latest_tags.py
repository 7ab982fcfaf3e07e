"""The tags of last materializations, in which a run records what it made a table from."""

from collections.abc import Collection, Mapping

import dagster as dg

MOST_RECORDS = 100  # that are read at a time


class LatestTags:
    """Reads the tags of last materializations, those of one event at most once."""

    def __init__(self) -> None:
        self._known: dict[dg.AssetKey, dict[int, Mapping[str, str]]] = {}

    def whole(self, instance: dg.DagsterInstance, key: dg.AssetKey) -> Mapping[str, str] | None:
        """Those of an asset without partitions; None where it was never materialized."""
        event = instance.get_latest_materialization_event(key)
        if event is None or event.asset_materialization is None:
            return None
        return event.asset_materialization.tags or {}

    def by_partition(
        self,
        instance: dg.DagsterInstance,
        key: dg.AssetKey,
        partitions: Collection[str] | None = None,
    ) -> dict[str, Mapping[str, str]]:
        """Those of every partition that was ever materialized, or of some of them."""
        kind = dg.DagsterEventType.ASSET_MATERIALIZATION
        latest = {
            partition: event
            for partition, event in instance.event_log_storage.get_latest_storage_id_by_partition(
                key, kind
            ).items()
            if partitions is None or partition in partitions
        }
        known = self._known.get(key, {})
        known = {event: known[event] for event in latest.values() if event in known}
        unread = [event for event in latest.values() if event not in known]
        for start in range(0, len(unread), MOST_RECORDS):
            part = unread[start : start + MOST_RECORDS]
            wanted = dg.AssetRecordsFilter(key, storage_ids=part)
            for record in instance.fetch_materializations(wanted, limit=len(part)).records:
                event = record.asset_materialization
                known[record.storage_id] = (event.tags if event is not None else None) or {}
        self._known[key] = known
        return {partition: known.get(event, {}) for partition, event in latest.items()}
