"""How a partitioned asset of a corpus is declared; the assets themselves say only what they do."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg
import pyarrow as pa

from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.incremental.columns import column_schema
from tshirt_assets.incremental.identity import CODE_VERSIONS
from tshirt_assets.models.files import ModelError
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.shard_loop import ShardReport, materialize_shards
from tshirt_assets.store.faults import StoreError

Prepare = Callable[[dg.AssetExecutionContext], Callable[[str], ShardReport]]


def partitioned_asset(
    binding: Binding,
    asset: str,
    *,
    description: str,
    deps: Sequence[dg.AssetDep],
    prepare: Prepare,
    checks: Mapping[str, str],
    kinds: Collection[str],
    resources: Sequence[str],
    schema: pa.Schema | None = None,
    partitions: dg.PartitionsDefinition | None = None,
    pool: str | None = None,
) -> dg.AssetsDefinition:
    """An asset with one table per partition, all partitions of a run in one process.

    `prepare(context)` runs once per run and returns the function that makes one partition.
    `checks` maps names of checks, which that function reports, to their descriptions.
    """
    key = binding.key(asset)

    @dg.multi_asset(
        name=f"{binding.name}__{asset}",
        specs=[
            binding.spec(
                asset,
                deps=deps,
                description=description,
                partitions_def=partitions or binding.shards,
                kinds=set(kinds),
                code_version=CODE_VERSIONS[asset],
                metadata=_column_metadata(schema),
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(name, asset=key, description=text) for name, text in checks.items()
        ],
        required_resource_keys={binding.resource(kind) for kind in resources},
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=pool,
    )
    def materialize(context: dg.AssetExecutionContext) -> Iterator[Any]:
        upstream = [dep.asset_key for dep in deps]
        with _one_line_failures():
            process = prepare(context)
        yield from materialize_shards(context, binding, asset, upstream, process)

    return materialize


def dataset_asset(
    binding: Binding,
    asset: str,
    *,
    description: str,
    deps: Sequence[dg.AssetDep],
    make: Callable[[dg.AssetExecutionContext], Iterator[Any]],
    checks: Mapping[str, str],
    kinds: Collection[str],
    resources: Sequence[str],
    schema: pa.Schema | None = None,
    pool: str | None = None,
) -> dg.AssetsDefinition:
    """An unpartitioned asset over all shards; `make(context)` yields its result and checks."""
    key = binding.key(asset)

    @dg.multi_asset(
        name=f"{binding.name}__{asset}",
        specs=[
            binding.spec(
                asset,
                deps=deps,
                description=description,
                kinds=set(kinds),
                code_version=CODE_VERSIONS[asset],
                metadata=_column_metadata(schema),
            )
        ],
        check_specs=[
            dg.AssetCheckSpec(name, asset=key, description=text) for name, text in checks.items()
        ],
        required_resource_keys={binding.resource(kind) for kind in resources},
        pool=pool,
    )
    def materialize(context: dg.AssetExecutionContext) -> Iterator[Any]:
        with _one_line_failures():
            yield from make(context)

    return materialize


@contextmanager
def _one_line_failures() -> Iterator[None]:
    """What a user can remedy fails the run with its own message, not with Dagster's generic one."""
    try:
        yield
    except (CorpusError, ModelError, StoreError) as error:
        raise dg.Failure(str(error)) from error


def _column_metadata(schema: pa.Schema | None) -> dict[str, Any]:
    return {"dagster/column_schema": column_schema(schema)} if schema else {}
