"""A corpus of which Dagster has records, without any rows, scores or runs behind them."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

from tshirt_assets.config import CorpusConfig, parse_config
from tshirt_assets.factory import build_curation_defs
from tshirt_assets.incremental.catalog import ASSETS, FILES
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.inputs import INPUTS, input_place
from tshirt_assets.orchestration.inputs import present_inputs as present
from tshirt_assets.orchestration.versions import changed_observations

RECIPES: dict[str, dict[str, Any]] = {
    "tshirt": {"method": "tshirt", "budget": 4},
    "miwv": {"method": "miwv", "budget": 4},
    "ifd": {"method": "ifd", "budget": 4},
}
AFTER_ALL = str(2**62)  # in place of the number of an event, behind which none comes


@dataclass
class Recorded:
    """Files and Dagster's records of a corpus named `c`."""

    folder: Path
    options: dict[str, Any] = field(default_factory=dict)
    instance: dg.DagsterInstance = field(default_factory=dg.DagsterInstance.ephemeral)

    def __post_init__(self) -> None:
        (self.folder / "rows").mkdir(parents=True)
        self.cursor: Any = None
        self.configure()

    def configure(self, **options: Any) -> None:
        """Load the corpus with these options changed."""
        self.options |= options
        values = {"name": "c", "paths": ["rows/*"], "recipes": RECIPES, **self.options}
        self.config: CorpusConfig = parse_config(values, base=self.folder, source="")
        self.binding = Binding(self.config)
        self.defs = build_curation_defs(self.config)

    def write(self, *names: str, text: str = "") -> None:
        """(Re)write files of one row each."""
        for name in names:
            line = f'{{"instruction": "{name}{text}", "output": "b"}}\n'
            (self.folder / "rows" / f"{name}.jsonl").write_text(line)

    def shard(self, name: str) -> str:
        return next(key for key in self.shards if key.startswith(f"{name}-"))

    @property
    def shards(self) -> list[str]:
        return [*self.instance.get_dynamic_partitions("c")]

    def notice(self) -> list[str]:
        """Evaluate the shard sensor and do what it asks for; names of what it recorded."""
        sensor = self.defs.resolve_sensor_def("c_shards")
        result = sensor(dg.build_sensor_context(self.instance))
        if not isinstance(result, dg.SensorResult):
            return []
        for request in result.dynamic_partitions_requests or ():
            self.instance.add_dynamic_partitions("c", list(request.partition_keys))
        for event in result.asset_events:
            self.instance.report_runless_asset_event(event)
        return [f"{event.asset_key.path[-1]} {event.partition}" for event in result.asset_events]

    def made(self, asset: str, *partitions: str | None, version: str = "1") -> None:
        """Record that an asset was made from the present versions of what it reads."""
        record = ASSETS[asset]
        for partition in partitions or (None,):
            tags = {
                "dagster/data_version": version,
                "dagster/code_version": record.code_version,
                "dagster/data_version_is_user_provided": "true",
            }
            for name, place in self._sources(asset, partition):
                found = self.latest(name, place)
                key = self.binding.key(name).to_user_string()
                tags[f"dagster/input_data_version/{key}"] = found.tags["dagster/data_version"]
                tags[f"dagster/input_event_pointer/{key}"] = str(found.storage_id)
            for name in self._tables(asset):  # of a subset left out: only `inputs` is to tell
                key = self.binding.key(name).to_user_string()
                records = self.instance.fetch_materializations(self.binding.key(name), 1).records
                seen = str(records[0].storage_id) if partition is None else AFTER_ALL
                tags[f"dagster/input_data_version/{key}"] = ""
                tags[f"dagster/input_event_pointer/{key}"] = seen
            event = dg.AssetMaterialization(self.binding.key(asset), partition=partition, tags=tags)
            self.instance.report_runless_asset_event(event)
        if record.unit == "shard":  # as the run does
            versions = present(self.instance, self.binding, self.shards)
            for event in changed_observations(self.instance, self.binding.key(INPUTS), versions):
                self.instance.report_runless_asset_event(event)

    def latest(self, asset: str, partition: str | None) -> Any:
        """The last event of an asset: its tags and its storage id."""
        wanted = dg.AssetRecordsFilter(
            self.binding.key(asset), asset_partitions=None if partition is None else [partition]
        )
        fetch = (
            self.instance.fetch_observations
            if asset in (FILES, INPUTS)
            else self.instance.fetch_materializations
        )
        [record] = fetch(wanted, limit=1).records
        event = record.asset_observation or record.asset_materialization
        return _Event(dict(event.tags or {}), record.storage_id) if event else None

    def _sources(self, asset: str, partition: str | None) -> list[tuple[str, str | None]]:
        record = ASSETS[asset]
        reads = [n for n in record.reads if n == FILES or ASSETS[n].needed(self.config)]
        whole = [(n, None) for n in reads if n != FILES and ASSETS[n].unit == "corpus"]
        if record.unit != "shard":
            return [(INPUTS, input_place(record, partition)), *whole]
        return [(n, partition) for n in reads if n == FILES or ASSETS[n].unit == "shard"] + whole

    def _tables(self, asset: str) -> list[str]:
        """The tables, shard by shard, that an asset over all shards has read."""
        record = ASSETS[asset]
        if record.unit == "shard":
            return []
        reads = [n for n in record.reads if n in ASSETS and ASSETS[n].needed(self.config)]
        return [n for n in reads if ASSETS[n].unit == "shard"]

    def tick(self) -> dict[str, list[str]]:
        """Evaluate the conditions: by asset, the files whose shards (or the recipes) are due."""
        result = dg.evaluate_automation_conditions(self.defs, self.instance, cursor=self.cursor)
        self.cursor = result.cursor
        asked = {}
        for record in ASSETS.values():
            key = self.binding.key(record.name)
            keys = sorted(result.get_requested_partitions(key), key=str)
            if keys:
                names = {shard: shard.rpartition("-")[0] for shard in self.shards}
                asked[record.name] = [names.get(str(one), str(one)) for one in keys]
        return asked


@dataclass(frozen=True)
class _Event:
    tags: dict[str, str]
    storage_id: int
