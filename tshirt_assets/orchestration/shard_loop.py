"""The one loop over the partitions of a run: each is recorded as soon as it is finished."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION

from tshirt_assets.incremental.catalog import AssetRecord
from tshirt_assets.incremental.checks import CheckOutcome
from tshirt_assets.incremental.errors import in_words_of_assets
from tshirt_assets.incremental.progress import IN_PROGRESS
from tshirt_assets.incremental.side_by_side import one_by_one, side_by_side
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.blocking import REMEDY, BlockedError, blocking_tags, failed_checks
from tshirt_assets.orchestration.metadata_order import facts_table, in_order

# Dagster would log one materialization per partition of a range run again at the end, all with
# one common data version, over those of the loop. An output with this mark is not logged again.
_ALREADY_LOGGED = {SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True}

# In place of the newest event of an upstream that a partition was not made from: none comes later.
_AFTER_ALL = str(2**62)


@dataclass(frozen=True)
class Report:
    """What is recorded of one finished partition, or of an asset over the whole corpus."""

    data_version: str
    metadata: dict[str, Any]
    inputs: dict[str, str] = field(default_factory=dict)  # upstream asset -> its data version
    checks: dict[str, CheckOutcome] = field(default_factory=dict)


def materialize_partitions(
    context: dg.AssetExecutionContext,
    binding: Binding,
    record: AssetRecord,
    upstream: Sequence[dg.AssetKey],
    process: Callable[[str], Report],
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Process every partition of the run and log each one as it is finished.

    Where a model is at work, the next partition is begun and the last one finished meanwhile. A
    partition that fails does not stop the others; at the end the run fails and names it. Running
    again, or re-executing from failure, then has little left to do.
    """
    asset = record.name
    failures: dict[str, Exception] = {}
    outcomes: dict[str, dict[str, CheckOutcome]] = {}
    keys = list(context.partition_keys)
    numbers = {shard: number for number, shard in enumerate(keys, start=1)}
    # Once a run: what another process makes of an upstream meanwhile comes later than these, so
    # that a shard which has it already may count as stale, but none as fresh that is not.
    pointers = {key: _latest_event(context.instance, key) for key in upstream}

    def recorded(shard: str) -> Report:
        context.log.info(f"{asset}: {shard} ({numbers[shard]} of {len(keys)})", extra=IN_PROGRESS)
        try:
            report = process(shard)
        except Exception as error:
            said = in_words_of_assets(error)
            context.log.error(f"{asset}: {shard} failed: {type(error).__name__}: {said}")
            raise
        context.log_event(
            dg.AssetMaterialization(
                asset_key=binding.key(asset),
                partition=shard,
                metadata=in_order(report.metadata),
                tags=_version_tags(binding, record, report, pointers)
                | blocking_tags(binding, report.checks),
            )
        )
        return report

    for shard, outcome in (side_by_side if record.on_gpu else one_by_one)(recorded, keys):
        try:
            report = outcome.result()
        except Exception as error:
            failures[shard] = error
            continue
        for name, found in report.checks.items():
            outcomes.setdefault(name, {})[shard] = found
        if failed := failed_checks(binding, report.checks):
            failures[shard] = BlockedError(f"failed the check {', '.join(failed)}; {REMEDY}")
    checked = [check_result(binding, asset, *by_shard) for by_shard in outcomes.items()]
    if failures:
        yield from checked  # of the finished ones: what they found is worth knowing all the more
        shard, first = next(iter(failures.items()))
        raise dg.Failure(
            description=f"{asset}: {len(failures)} of {len(keys)} partitions failed; the finished "
            f"ones are kept, run again for the rest. First: {shard}: {in_words_of_assets(first)}",
            metadata={
                "failed": dg.MetadataValue.json(
                    {key: in_words_of_assets(error) for key, error in failures.items()}
                )
            },
        ) from first
    yield dg.MaterializeResult(asset_key=binding.key(asset), metadata=_ALREADY_LOGGED)
    yield from checked


def _latest_event(instance: dg.DagsterInstance, key: dg.AssetKey) -> str:
    """Storage id of the newest event of an upstream asset: what comes later makes us stale."""
    records = [
        *instance.fetch_materializations(key, limit=1).records,
        *instance.fetch_observations(key, limit=1).records,
    ]
    return str(max((record.storage_id for record in records), default="NULL"))


def _version_tags(
    binding: Binding, record: AssetRecord, report: Report, pointers: Mapping[dg.AssetKey, str]
) -> dict[str, str]:
    """Tags from which Dagster tells whether the asset is fresh, stale, or made by older code."""
    tags = {
        "dagster/data_version": report.data_version,
        "dagster/data_version_is_user_provided": "true",
        "dagster/code_version": record.code_version,
    }
    inputs = {binding.key(name): version for name, version in report.inputs.items()}
    for key, pointer in pointers.items():
        tags[f"dagster/input_data_version/{key.to_user_string()}"] = inputs.get(key, "")
        seen = pointer if key in inputs else _AFTER_ALL
        tags[f"dagster/input_event_pointer/{key.to_user_string()}"] = seen
    return tags


def check_result(
    binding: Binding, asset: str, name: str, outcomes: dict[str, CheckOutcome]
) -> dg.AssetCheckResult:
    """One check over all partitions of a run: failed if it failed on any of them."""
    failed = {key: outcome for key, outcome in outcomes.items() if not outcome.passed}
    details = {key: outcome.detail for key, outcome in (failed or outcomes).items()}
    only_warnings = all(outcome.warn for outcome in failed.values())
    return dg.AssetCheckResult(
        asset_key=binding.key(asset),
        check_name=name,
        passed=not failed,
        severity=dg.AssetCheckSeverity.WARN if only_warnings else dg.AssetCheckSeverity.ERROR,
        # The run's log shows the metadata of a check, the asset's page the description.
        metadata={
            "partitions": len(outcomes),
            "failed": len(failed),
            "details": facts_table(dict(list(details.items())[:100]), "partition", "found"),
        },
        description="; ".join(f"{key}: {detail}" for key, detail in list(details.items())[:5]),
    )
