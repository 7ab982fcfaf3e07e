"""The sensor that registers new shards of a corpus and notices changed files."""

import dagster as dg

from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.readers import file_version
from tshirt_assets.corpus.shards import ShardSpec, discover_shards
from tshirt_assets.incremental.catalog import FILES
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.inputs import present_inputs
from tshirt_assets.orchestration.noticing import changes, configured_store

INTERVAL_SECONDS = 30


def build_shard_sensor(binding: Binding) -> dg.SensorDefinition:
    """Registers a partition for every new shard; reports the version of every file that changed.

    Nothing is materialized by itself: new shards show as missing, changed ones as stale.
    """

    @dg.sensor(
        name=f"{binding.name}_shards",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Registers new shards of {binding.name} and notices changed files.",
    )
    def shards(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        registered = set(context.instance.get_dynamic_partitions(binding.name))
        try:
            specs = discover_shards(binding.config, registered, missing_ok=True)
        except CorpusError as error:
            return dg.SkipReason(str(error))
        if not specs:
            patterns = ", ".join(binding.config.paths)
            return dg.SkipReason(f"{patterns}: no file matches; check `paths` of the corpus")
        new = [spec.key for spec in specs if spec.key not in registered]
        live = {spec.key for spec in specs} & registered
        present = present_inputs(context.instance, binding, live)
        noticed = changes(context.instance, binding, configured_store(binding), present)
        return dg.SensorResult(
            dynamic_partitions_requests=([binding.shards.build_add_request(new)] if new else []),
            asset_events=[*observations(context.instance, binding, specs), *noticed],
        )

    return shards


def observations(
    instance: dg.DagsterInstance, binding: Binding, specs: list[ShardSpec]
) -> list[dg.AssetObservation]:
    """An observation of the external `files` asset for every shard whose file changed."""
    key = binding.key(FILES)
    known = instance.event_log_storage.get_latest_tags_by_partition(
        key, dg.DagsterEventType.ASSET_OBSERVATION, ["dagster/data_version"]
    )
    events = []
    for spec in specs:
        try:
            version = file_version(spec)
        except CorpusError:  # gone since it was listed: the next look will not find it
            continue
        if known.get(spec.key, {}).get("dagster/data_version") == version:
            continue
        events.append(
            dg.AssetObservation(
                asset_key=key,
                partition=spec.key,
                tags={
                    "dagster/data_version": version,
                    "dagster/data_version_is_user_provided": "true",
                },
                metadata={"path": dg.MetadataValue.path(spec.path)},
            )
        )
    return events
