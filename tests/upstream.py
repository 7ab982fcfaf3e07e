"""A small project whose corpus hangs on an asset of its own."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

from tests.corpora import Corpus
from tshirt_assets.factory import build_curation_defs

KEY = dg.AssetKey(["raw", "conversations"])
DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-06")


class Shelf(dg.ConfigurableIOManager):
    """Keeps values in a folder; of a function it gives what that returns."""

    folder: str

    def _file(self, context: Any) -> Path:
        names = [*context.asset_key.path]
        if context.has_asset_partitions:
            names += context.asset_partition_keys
        return Path(self.folder) / "-".join(names).replace("/", "%")

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        """Keep a value."""
        Path(self.folder).mkdir(exist_ok=True)
        self._file(context).write_bytes(pickle.dumps(obj))

    def load_input(self, context: dg.InputContext) -> Any:
        """Give a value."""
        found = pickle.loads(self._file(context).read_bytes())
        return found() if callable(found) else found


@dataclass
class Project(Corpus):
    """A corpus whose rows are what `raw/conversations` returns: for a partition its `values`."""

    partitions: dg.PartitionsDefinition | None = DAYS
    values: dict[str | None, Any] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)  # metadata of the asset

    def configure(self, **options: Any) -> None:
        """Write corpus.yaml, and define the corpus and the asset side by side."""
        super().configure(**{"source_asset": "raw/conversations"} | options)
        self.define()

    def define(self) -> None:
        """Define the asset, and the corpus beside it."""

        @dg.asset(key=KEY, partitions_def=self.partitions)
        def conversations(context: dg.AssetExecutionContext) -> Any:
            partition = context.partition_key if context.has_partition_key else None
            if self.told:
                context.add_output_metadata(dict(self.told))
            return self.values[None if partition is None else str(partition)]

        shelf = Shelf(folder=str(self.folder / "shelf"))
        self.defs = dg.Definitions.merge(
            build_curation_defs(self.config),
            dg.Definitions([conversations], resources={"io_manager": shelf}),
        )

    def ingest(self, value: Any, partition: str | None = None) -> None:
        """Materialize the asset, or a partition of it, with a value."""
        self.values[partition] = value
        self.defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance, asset_selection=[KEY], partition_key=partition
        )

    def tick(self) -> dg.SensorResult | dg.SkipReason:
        """Evaluate the sensor in the code location, and do what it asks for."""
        sensor = self.defs.resolve_sensor_def(f"{self.config.name}_shards")
        repository = self.defs.get_repository_def()
        result = sensor(dg.build_sensor_context(self.instance, repository_def=repository))
        if isinstance(result, dg.SkipReason):
            return result
        assert isinstance(result, dg.SensorResult)
        for request in result.dynamic_partitions_requests or ():
            if isinstance(request, dg.AddDynamicPartitionsRequest):
                self.instance.add_dynamic_partitions(self.config.name, list(request.partition_keys))
            else:
                for key in request.partition_keys:
                    self.instance.delete_dynamic_partition(self.config.name, key)
        for event in result.asset_events:
            self.instance.report_runless_asset_event(event)
        return result

    def register(self) -> list[str]:
        """What the sensor finds new."""
        before = {*self.shards}
        self.tick()
        return [key for key in self.shards if key not in before]
