"""How an asset of the catalogue becomes one of Dagster's; its module says only what it does."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import dagster as dg

from tshirt_assets.config import ConfigError
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.evidence.evidence_error import EvidenceError
from tshirt_assets.incremental import checks
from tshirt_assets.incremental.catalog import ASSETS, FILES, AssetRecord
from tshirt_assets.incremental.errors import UpstreamError, in_words_of_assets
from tshirt_assets.incremental.progress import Began, tell
from tshirt_assets.incremental.step_memory import tidy_memory
from tshirt_assets.models.model_files import ModelError
from tshirt_assets.orchestration.asset_run import Run
from tshirt_assets.orchestration.automation_conditions import condition
from tshirt_assets.orchestration.binding import GPU_POOL, Binding
from tshirt_assets.orchestration.blocking import (
    BlockedError,
    blocking_tags,
    refuse_if_blocked,
)
from tshirt_assets.orchestration.inputs import INPUTS, input_place, inputs_dep, inputs_tags
from tshirt_assets.orchestration.metadata_order import in_order
from tshirt_assets.orchestration.next_steps import NEXT
from tshirt_assets.orchestration.noticing import noticing
from tshirt_assets.orchestration.recording import column_schema
from tshirt_assets.orchestration.run_start import check_before
from tshirt_assets.orchestration.shard_loop import Report, check_result, materialize_partitions
from tshirt_assets.store.faults import StoreError

# Their messages name the remedy.
REMEDIED = (
    BlockedError,
    ConfigError,
    CorpusError,
    EvidenceError,
    ModelError,
    StoreError,
    UpstreamError,
)

Body = Callable[[Run, Mapping[str, str]], Iterator[Any]]
"""Makes an asset, given the present versions of `inputs`."""


def partitioned_asset(
    binding: Binding, record: AssetRecord, prepare: Callable[[Run], Callable[[str], Report]]
) -> dg.AssetsDefinition:
    """An asset with one table per partition, all partitions of a run in one process.

    `prepare(run)` is called once per run and returns the function that makes one partition.
    """
    upstream = [dep.asset_key for dep in dependencies(binding, record)]

    def body(run: Run, inputs: Mapping[str, str]) -> Iterator[Any]:
        with _one_line_failures():
            blocked = refuse_if_blocked(run, record)
            process = prepare(run)

        def guarded(partition: str) -> Report:
            if partition in blocked:
                raise BlockedError(blocked[partition])
            report = process(partition)
            version = inputs.get(input_place(record, partition))
            seen = {} if version is None else {INPUTS: version}
            return replace(report, inputs=report.inputs | seen)

        yield from materialize_partitions(run.context, binding, record, upstream, guarded)

    return _declared(binding, record, body)


def corpus_asset(
    binding: Binding, record: AssetRecord, make: Callable[[Run], Report]
) -> dg.AssetsDefinition:
    """An unpartitioned asset over all shards, made by `make(run)`."""

    def body(run: Run, inputs: Mapping[str, str]) -> Iterator[Any]:
        with _one_line_failures():
            refuse_if_blocked(run, record)
            seen = inputs_tags(run.context.instance, binding, record, inputs)
            report = make(run)
        yield dg.MaterializeResult(
            metadata=in_order(report.metadata),
            data_version=dg.DataVersion(report.data_version),
            tags=seen | blocking_tags(binding, report.checks),
        )
        for name, outcome in report.checks.items():
            yield check_result(binding, record.name, name, {"all shards": outcome})

    return _declared(binding, record, body)


def dependencies(binding: Binding, record: AssetRecord) -> list[dg.AssetDep]:
    """What an asset hangs on: shard by shard where both have shards, else on the whole.

    One that is needed hangs on none that is not: that would stay missing, or grow stale.
    """
    upstream = [ASSETS[name] for name in record.reads if name in ASSETS]
    deps = binding.origin_deps() if FILES in record.reads else []
    by_hand = not record.needed(binding.config)
    for other in upstream:
        if by_hand or other.needed(binding.config):
            whole = other.unit == "shard" and record.unit != "shard"
            deps.append(binding.dep(other.name, whole=whole))
    if record.unit != "shard" and any(other.unit == "shard" for other in upstream):
        deps.append(inputs_dep(binding, record))
    return deps


def _declared(binding: Binding, record: AssetRecord, body: Body) -> dg.AssetsDefinition:
    """The definition of an asset whose runs yield what `body` yields."""
    partitions: dict[str, Callable[[], dg.PartitionsDefinition]] = {
        "shard": lambda: binding.shards,
        "recipe": lambda: binding.recipes,
    }
    partitioned = record.unit in partitions
    schema = {"dagster/column_schema": column_schema(record.schema)} if record.schema else {}

    @dg.multi_asset(
        name=binding.op(record.name),
        specs=[
            binding.spec(
                record.name,
                deps=dependencies(binding, record),
                description=_description(binding, record),
                partitions_def=partitions[record.unit]() if partitioned else None,
                kinds=set(record.kinds),
                code_version=record.code_version,
                metadata=schema | binding.loading(record.name),
                automation_condition=condition(binding, record),
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(
                name,
                asset=binding.key(record.name),
                description=checks.DESCRIPTIONS[name],
                blocking=binding.blocks,
            )
            for name in record.checks
        ],
        required_resource_keys={binding.resource(kind) for kind in record.resources},
        backfill_policy=_backfill_policy(binding, record) if partitioned else None,
        pool=GPU_POOL if record.on_gpu else None,
    )
    def materialize(context: dg.AssetExecutionContext) -> Iterator[Any]:
        run = Run(context, binding)
        check_before(run)
        tell(Began(record.name))
        with tidy_memory(), noticing(run, record) as inputs:
            yield from body(run, inputs)

    return materialize


def _backfill_policy(binding: Binding, record: AssetRecord) -> dg.BackfillPolicy:
    """One run for all partitions, or for `shards_per_run` of them."""
    size = binding.config.shards_per_run if record.unit == "shard" else None
    return dg.BackfillPolicy.multi_run(size) if size else dg.BackfillPolicy.single_run()


def _description(binding: Binding, record: AssetRecord) -> str:
    said = [record.description]
    if not record.needed(binding.config):
        asked = f"Not needed by this configuration: only {record.used_by} ask for it."
        said.append(asked if record.used_by else "No run makes it by itself.")
    if record.name in NEXT:
        said.append(f"**Next:** {NEXT[record.name]}")
    return "\n\n".join(said)


@contextmanager
def _one_line_failures() -> Iterator[None]:
    """What a user can remedy fails the run with its own message, not with Dagster's generic one."""
    try:
        yield
    except REMEDIED as error:
        raise dg.Failure(in_words_of_assets(error)) from error
