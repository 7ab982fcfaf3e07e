"""The sensor that registers new shards of a corpus and notices changed ones."""

from collections.abc import Collection

import dagster as dg

from tshirt_assets.corpus.bytestream import listed_version
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.shards import ShardSpec, discover_shards
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.inputs import present_inputs
from tshirt_assets.orchestration.noticing import Change, changes, configured_store
from tshirt_assets.orchestration.observed_judgements import judged_now
from tshirt_assets.orchestration.shard_changes import upstream_changes
from tshirt_assets.orchestration.upstream import Upstream
from tshirt_assets.orchestration.versions import changed_observations

INTERVAL_SECONDS = 30


def build_shard_sensor(binding: Binding) -> dg.SensorDefinition:
    """Registers a partition for every new shard; reports the version of every file that changed.

    Nothing is materialized by itself: new shards show as missing, changed ones as stale. Of an
    asset in place of files, partitions that are gone are deleted here as well.
    """

    @dg.sensor(
        name=f"{binding.name}_shards",
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Registers new shards of {binding.name} and notices changed ones.",
    )
    def shards(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if binding.config.source_asset is not None:
            return _upstream_tick(context, binding)
        registered = set(context.instance.get_dynamic_partitions(binding.name))
        try:
            specs = discover_shards(binding.config, registered, missing_ok=True)
        except CorpusError as error:
            return dg.SkipReason(str(error))
        if not specs:
            patterns = ", ".join(binding.config.paths)
            return dg.SkipReason(f"{patterns}: no file matches; check `paths` of the corpus")
        new = [spec.key for spec in specs if spec.key not in registered]
        noticed = _noticed(context.instance, binding, {spec.key for spec in specs} & registered)
        return dg.SensorResult(
            dynamic_partitions_requests=([binding.shards.build_add_request(new)] if new else []),
            asset_events=[*observations(context.instance, binding, specs), *noticed],
        )

    return shards


def _upstream_tick(
    context: dg.SensorEvaluationContext, binding: Binding
) -> dg.SensorResult | dg.SkipReason:
    """What the sensor does where an asset holds the rows."""
    upstream = Upstream.found_in(context.instance, binding, context.repository_def)
    try:
        found = upstream_changes(upstream)
    except CorpusError as error:
        return dg.SkipReason(str(error))
    if not found.present:
        return dg.SkipReason(f"{upstream.name} is not materialized yet")
    requests: list[dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest] = []
    if found.new:
        requests.append(binding.shards.build_add_request(found.new))
    if found.gone:
        context.log.warning(f"gone from {upstream.name}: {', '.join(found.gone)}")
        requests.append(binding.shards.build_delete_request(found.gone))
    live = set(context.instance.get_dynamic_partitions(binding.name)) & set(found.present)
    noticed = _noticed(context.instance, binding, live)
    return dg.SensorResult(
        dynamic_partitions_requests=requests, asset_events=[*found.events, *noticed]
    )


def _noticed(instance: dg.DagsterInstance, binding: Binding, live: Collection[str]) -> list[Change]:
    """What is to be recorded of corpus-wide assets and subsets, made from the live shards."""
    store = configured_store(binding)
    verdicts, judged = judged_now(instance, binding, store)
    present = present_inputs(instance, binding, live, verdicts)
    return [*judged, *changes(instance, binding, store, present)]


def observations(
    instance: dg.DagsterInstance, binding: Binding, specs: list[ShardSpec]
) -> list[dg.AssetObservation]:
    """An observation of the external `files` asset for every shard whose file changed."""
    versions, metadata = {}, {}
    for spec in specs:
        try:
            versions[spec.key] = listed_version(spec.path)
        except CorpusError:  # gone since it was listed: the next look will not find it
            continue
        metadata[spec.key] = {"path": dg.MetadataValue.path(spec.path)}
    return changed_observations(instance, binding.key(binding.origin), versions, metadata)
