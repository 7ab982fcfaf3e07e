"""The asset that a corpus hangs on in place of files: its partitions, or ranges of its rows.

A partition is a shard under the same key. An asset without partitions is split by
`rows_per_shard`. Only what is materialized counts.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Self

import dagster as dg
from dagster._core.definitions.assets.definition.asset_spec import (
    SYSTEM_METADATA_KEY_AUTO_CREATED_STUB_ASSET as STUB,
)
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetNode

from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.records import one_line
from tshirt_assets.corpus.shards import ShardSpec, asset_address
from tshirt_assets.corpus.tables import table_rows
from tshirt_assets.incremental.catalog import SOURCE
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.versions import DATA_VERSION

COUNT: Final = "dagster/row_count"  # metadata of a materialization that says how many rows it has
ROWS: Final = "rows"  # metadata of an observation that says the same
NOT_HERE: Final = (
    "is not defined where this runs. In Dagster, define it in the code location of the corpus, or "
    "there an AssetSpec of it with its partitions and the metadata dagster/io_manager_key; "
    "`tshirt-assets` finds it in the module that -m names"
)
EVENT: Final = "event-"
UNVERSIONED: Final = "INITIAL"  # what Dagster takes for the version of what has none


@dataclass(frozen=True)
class Upstream:
    """What the instance, and the code location, know of the asset that a corpus hangs on.

    node: its definition; None where it is not at hand. load: gives the value of a partition, or
    (None) of an asset without any; None where nothing can be loaded.
    """

    instance: dg.DagsterInstance
    binding: Binding
    node: BaseAssetNode | None = None
    load: Callable[[str | None], Any] | None = None

    @classmethod
    def found_in(
        cls,
        instance: dg.DagsterInstance,
        binding: Binding,
        repository: dg.RepositoryDefinition | None,
    ) -> Self:
        """The asset upstream of a corpus, as a code location defines it, if that does."""
        key = binding.upstream
        if repository is None or not repository.asset_graph.has(key):
            return cls(instance, binding)

        def load(partition: str | None) -> Any:
            return repository.load_asset_value(key, instance=instance, partition_key=partition)

        return cls(instance, binding, repository.asset_graph.get(key), load)

    @property
    def key(self) -> dg.AssetKey:
        """Its key."""
        return self.binding.upstream

    @property
    def name(self) -> str:
        """Its key as text."""
        return self.key.to_user_string()

    @cached_property
    def partitioned(self) -> bool:
        """Whether it has partitions, by its definition or its latest event."""
        if self.node is not None and self.node.partitions_def is not None:
            return True
        latest = self._latest(None)
        return latest is not None and latest.partition_key is not None

    def spec(self, shard: str) -> ShardSpec:
        """The place of a shard in it. Raises `CorpusError` for one that it does not have."""
        address = asset_address(self.name)
        if self.partitioned and shard in self.partitions:
            return ShardSpec(shard, address)
        start = None if self.partitioned else row_start(shard)
        if start is None:
            raise CorpusError(
                f"{self.name} has no materialized partition {shard!r} any more; the stored rows of "
                "the shard are kept. Materialize it again, or leave it to the sensor of "
                f"{self.binding.name}, or a run, to delete the shard's partition"
            )
        return ShardSpec(shard, address, start, start + self.binding.config.rows_per_shard)

    def version(self, shard: str) -> str:
        """Version of what a shard is read from: another after every change of its data version.

        Raises `CorpusError` where nothing is materialized.
        """
        record = self._latest(shard if self.partitioned else None)
        if record is None:
            raise CorpusError(f"{self.name} is not materialized; materialize it first")
        return _version(record)

    def value(self, shard: str | None) -> Any:
        """What its IO manager loads for a shard. Raises `CorpusError` where it cannot."""
        place = self.name + (f", partition {shard!r}," if self.partitioned else "")
        if self.load is None:
            raise CorpusError(f"{self.name} {NOT_HERE}")
        try:
            return self.load(shard if self.partitioned else None)
        except Exception as error:  # whatever the user's IO manager raises
            found = f"{type(error).__name__}: {one_line(error)}"
            advice = f"it {NOT_HERE}" if self.is_stub else "check its IO manager, or make it again"
            raise CorpusError(f"{place} cannot be loaded ({found}); {advice}") from error

    @property
    def is_stub(self) -> bool:
        """Whether the code location only names it, and does not say what it is."""
        return self.node is None or STUB in self.node.metadata

    def shards(self) -> dict[str, str]:
        """Versions by the keys of all shards that it has now, in the order of its partitions.

        Without partitions, its rows are counted: from the metadata of its materialization
        (`dagster/row_count`), else by loading it, once for every version. Raises `CorpusError`
        where that fails.
        """
        if self.partitioned:
            return self.partitions
        record = self._latest(None)
        if record is None:
            return {}
        version, size = _version(record), self.binding.config.rows_per_shard
        return {row_key(at): version for at in range(0, max(1, self.rows), size)}

    @cached_property
    def partitions(self) -> dict[str, str]:
        """Versions of the partitions that are materialized and not deleted."""
        found = _versions(self.instance, self.key)
        if self.node is None or self.node.partitions_def is None:
            return dict(sorted(found.items()))
        there = self.node.partitions_def.get_partition_keys(dynamic_partitions_store=self.instance)
        return {key: found[key] for key in map(str, there) if key in found}

    @cached_property
    def rows(self) -> int:
        """How many rows it has, if it has no partitions."""
        record = self._latest(None)
        if record is None:
            return 0
        told = _metadata(record)
        if isinstance(told.get(COUNT), int):
            return int(told[COUNT])
        observed = self.instance.fetch_observations(
            dg.AssetRecordsFilter(
                asset_key=self.binding.key(SOURCE), asset_partitions=[row_key(0)]
            ),
            limit=1,
        ).records
        if observed and _version(observed[0]) == _version(record):
            told = _metadata(observed[0])
            if ROWS in told:
                return int(told[ROWS])
        return table_rows(self.value(None), self.binding.config)

    def _latest(self, partition: str | None) -> dg.EventLogRecord | None:
        """The latest materialization, or of an asset that is only observed the observation."""
        wanted = dg.AssetRecordsFilter(
            asset_key=self.key, asset_partitions=None if partition is None else [partition]
        )
        for fetch in (self.instance.fetch_materializations, self.instance.fetch_observations):
            if records := fetch(wanted, limit=1).records:
                return records[0]
        return None


def as_dagster_has_it(version: str) -> str:
    """What Dagster compares a version with, to tell whether what was made from it is stale."""
    return UNVERSIONED if version.startswith(EVENT) else version


def row_key(start: int) -> str:
    """Key of the shard that begins at a row of an asset without partitions."""
    return f"rows-{start:08d}"


def row_start(key: str) -> int | None:
    """The first row of a shard, by its key; None for a key of another kind."""
    found = re.fullmatch(r"rows-(\d{8,})", key)
    return int(found[1]) if found else None


def _versions(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, str]:
    """Versions of all partitions of which there is an event, deleted ones too."""
    log = instance.event_log_storage
    for kind in (dg.DagsterEventType.ASSET_MATERIALIZATION, dg.DagsterEventType.ASSET_OBSERVATION):
        if events := log.get_latest_storage_id_by_partition(key, kind):
            tags = log.get_latest_tags_by_partition(key, kind, [DATA_VERSION])
            return {
                partition: tags.get(partition, {}).get(DATA_VERSION) or _unversioned(event)
                for partition, event in events.items()
            }
    return {}


def _version(record: dg.EventLogRecord) -> str:
    return _tagged(record) or _unversioned(record.storage_id)


def _unversioned(event: int) -> str:
    """The version of what was reported without one: another with every event."""
    return f"{EVENT}{event}"


def _tagged(record: dg.EventLogRecord) -> str | None:
    return (_event(record).tags or {}).get(DATA_VERSION)


def _metadata(record: dg.EventLogRecord) -> Mapping[str, Any]:
    return {name: value.value for name, value in _event(record).metadata.items()}


def _event(record: dg.EventLogRecord) -> dg.AssetMaterialization | dg.AssetObservation:
    entry = record.event_log_entry
    found = entry.asset_materialization or entry.asset_observation
    assert found is not None, "it was asked for those"
    return found
