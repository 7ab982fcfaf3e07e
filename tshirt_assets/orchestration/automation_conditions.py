"""Upkeep without a click: when an asset is due, as a condition of Dagster's declarative automation.

What is due is asked for phase by phase, as in a headless run, and only while nothing of the corpus
is being made: all that has come in meanwhile is then one run, which loads its models once. A shard
that fails is left out; the next phase does not wait for it.
"""

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import dagster as dg
from dagster._core.definitions.events import AssetKeyPartitionKey

from tshirt_assets.incremental.catalog import (
    ASSETS,
    FILES,
    SELECTED_SUBSET,
    SOURCE,
    AssetRecord,
    needed_assets,
)
from tshirt_assets.orchestration.activity import is_at_work
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.inputs import INPUTS, input_place
from tshirt_assets.orchestration.latest_tags import LatestTags
from tshirt_assets.orchestration.versions import DATA_VERSION, OBSERVATION, shard_versions

ATTEMPTS: Final = 2  # at the same work: a run may have been killed
INTERVAL_SECONDS: Final = 15
OBSERVED: Final = (FILES, SOURCE, INPUTS)

WHOLE: Final = ""  # in place of a partition, of an asset that has none


def build_automation_sensor(binding: Binding) -> dg.AutomationConditionSensorDefinition | None:
    """What evaluates the conditions of a corpus; None where nothing is automated by conditions."""
    automated = [
        record for record in needed_assets(binding.config) if is_automated(binding, record)
    ]
    if not automated:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.AutomationConditionSensorDefinition(
            name=f"{binding.name}_automation",
            target=dg.AssetSelection.assets(*(binding.key(record.name) for record in automated)),
            use_user_code_server=True,  # the conditions are our own
            default_status=dg.DefaultSensorStatus.RUNNING,
            minimum_interval_seconds=INTERVAL_SECONDS,
            description=f"Asks for what is due of {binding.name} when nothing of it is being made.",
        )


def is_automated(binding: Binding, record: AssetRecord) -> bool:
    """Whether an asset is made as soon as it is due."""
    options = binding.config.automation
    if options is None or options.cron is not None or not record.needed(binding.config):
        return False
    wanted = options.subsets if record is SELECTED_SUBSET else options.shards
    return wanted != "by_hand"


def condition(binding: Binding, record: AssetRecord) -> dg.AutomationCondition[dg.AssetKey] | None:
    """The condition under which an asset is made by itself; None where it is not."""
    if not is_automated(binding, record):
        return None
    return AtRest(binding, record) & OutOfDate(binding, record)


@dataclass(frozen=True, eq=False)
class AtRest(dg.AutomationCondition[dg.AssetKey]):
    """Nothing of the corpus is being made, or asked for that comes in an earlier phase."""

    binding: Binding
    record: AssetRecord

    @property
    def requires_cursor(self) -> bool:
        """It remembers nothing."""
        return False

    @property
    def description(self) -> str:
        """What the UI shows."""
        return "Nothing of the corpus is being made, and no earlier phase has anything to do"

    def evaluate(self, context: dg.AutomationContext) -> dg.AutomationResult:
        """All partitions, or none."""
        earlier = {
            self.binding.key(record.name)
            for record in ASSETS.values()
            if record.phase < self.record.phase
        }
        asked_for = {
            key for key, part in context.request_subsets_by_key.items() if not part.is_empty
        }
        instance = context.asset_graph_view.instance
        if asked_for & earlier or is_at_work(instance, self.binding):
            return dg.AutomationResult(context, context.get_empty_subset())
        return dg.AutomationResult(context, context.candidate_subset)


@dataclass(frozen=True, eq=False)
class OutOfDate(dg.AutomationCondition[dg.AssetKey]):
    """What can be made and is missing, or was made from other versions than the present ones.

    The same work is asked for at most `ATTEMPTS` times; what it is made from must change before it
    is asked for again.
    """

    binding: Binding
    record: AssetRecord
    latest: LatestTags = field(default_factory=LatestTags)

    @property
    def description(self) -> str:
        """What the UI shows."""
        return "Missing, or made from what has changed since, and not tried in vain"

    def evaluate(self, context: dg.AutomationContext) -> dg.AutomationResult:
        """The partitions that are due. The cursor holds what was asked for and is still due.

        While nothing at all is recorded, as on most nights, nothing is looked at again.
        """
        view = context.asset_graph_view
        cursor: dict[str, Any] = json.loads(context.cursor) if context.cursor else {}
        now = [view.last_event_id, self.record.code_version]
        if context.candidate_subset.is_empty or cursor.get("idle_since") == now:
            return dg.AutomationResult(context, context.get_empty_subset(), cursor=context.cursor)
        before = cursor.get("asked", {})
        asked, wanted = dict[str, tuple[str, int]](), set[str]()
        for partition, work in self._due(context).items():
            known, attempts = before.get(partition, ("", 0))
            attempts *= known == work
            if attempts < ATTEMPTS:
                wanted.add(partition)
                attempts += 1
            asked[partition] = work, attempts
        subset = view.get_asset_subset_from_asset_partitions(
            context.key, {AssetKeyPartitionKey(context.key, one or None) for one in wanted}
        )
        kept = {"asked": asked, "idle_since": None if wanted else now}
        return dg.AutomationResult(context, subset, cursor=json.dumps(kept))

    def _due(self, context: dg.AutomationContext) -> dict[str, str]:
        """By partition that is out of date and can be made: what it would be made from."""
        instance = context.asset_graph_view.instance
        key = self.binding.key(self.record.name)
        if self.record.unit == "corpus":
            tags = self.latest.whole(instance, key)
            made = {} if tags is None else {WHOLE: tags}
        else:
            made = self.latest.by_partition(instance, key)
        versions = {name: self._versions(context, name) for name in self._sources()}
        due = {}
        for partition in self._partitions(instance):
            present = {
                self.binding.key(name).to_user_string(): found.get(self._place(name, partition))
                for name, found in versions.items()
            }
            if None not in present.values() and not self._fits(made.get(partition), present):
                due[partition] = json.dumps([self.record.code_version, present])
        return due

    def _fits(self, tags: Mapping[str, str] | None, present: Mapping[str, str | None]) -> bool:
        """Whether a materialization with these tags was made from the present versions."""
        return (
            tags is not None
            and tags.get("dagster/code_version") == self.record.code_version
            and all(
                tags.get(f"dagster/input_data_version/{name}") == version
                for name, version in present.items()
            )
        )

    def _sources(self) -> list[str]:
        """What decides on whether the asset is up to date, by name."""
        config, record = self.binding.config, self.record
        origin = [self.binding.origin] if FILES in record.reads else []
        reads = [name for name in record.reads if name in ASSETS and ASSETS[name].needed(config)]
        if record.unit == "shard":
            return [*origin, *reads]
        whole = [name for name in reads if ASSETS[name].unit == "corpus"]
        return [INPUTS, *whole]

    def _versions(self, context: dg.AutomationContext, name: str) -> Mapping[str, str]:
        """The present data versions of a source by partition."""
        instance, key = context.asset_graph_view.instance, self.binding.key(name)
        if name in OBSERVED:
            return shard_versions(instance, key, OBSERVATION)
        if ASSETS[name].unit == "shard":
            return shard_versions(instance, key)
        asked_for = context.request_subsets_by_key.get(key)
        if asked_for is not None and not asked_for.is_empty:  # of the same phase: the same run
            return {WHOLE: f"asked for in {context.evaluation_id}"}
        tags = self.latest.whole(instance, key)
        return {} if tags is None else {WHOLE: tags[DATA_VERSION]}

    def _partitions(self, instance: dg.DagsterInstance) -> list[str]:
        if self.record.unit == "shard":
            return [*instance.get_dynamic_partitions(self.binding.name)]
        return [*self.binding.config.recipes] if self.record.unit == "recipe" else [WHOLE]

    def _place(self, source: str, partition: str) -> str:
        """The partition of a source that one of the asset is made from."""
        if source == INPUTS:
            return input_place(self.record, partition or None)
        of_shards = source in OBSERVED or ASSETS[source].unit == "shard"
        return partition if of_shards else WHOLE
