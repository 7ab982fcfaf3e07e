"""Upkeep of one corpus: what its recorded subsets pin, what is orphaned, and the job."""

from collections.abc import Collection
from datetime import timedelta

import dagster as dg
from pydantic import Field

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.incremental.dataset import facts
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.store.compaction import Pin, PinnedError, Upkeep, maintain
from tshirt_assets.store.store import Store, table_name

SUBSET = "selected_subset"
RETENTION_DAYS = 7.0


class MaintenanceConfig(dg.Config):
    """Configuration of a maintenance run."""

    retention_days: float = Field(
        default=RETENTION_DAYS, ge=0.0, description="Table versions younger than this are kept."
    )
    force: bool = Field(
        default=False, description="Prune also what recorded subsets were made from."
    )


def maintain_corpus(
    store: Store,
    config: CorpusConfig,
    *,
    older_than: timedelta,
    orphans: bool = False,
    force: bool = False,
    dry_run: bool = False,
) -> Upkeep:
    """Compact and prune the tables of a corpus, minding what its subsets were made from.

    `orphans`: also drop the tables of shards whose file is gone and of recipes that are no longer
    configured. Raises `PinnedError` naming the subsets that could no longer be re-read.
    """
    dropped = orphaned_tables(store, config) if orphans else []
    return maintain(
        store,
        config.name,
        older_than=older_than,
        pins=recorded_pins(store, config.name, dropped),
        orphans=dropped,
        force=force,
        dry_run=dry_run,
    )


def build_maintenance_job(binding: Binding) -> dg.JobDefinition:
    """The job `{corpus}_maintenance`: compact the corpus's tables and prune old versions."""

    @dg.op(
        name=f"{binding.name}__maintain",
        description="Compacts the tables and deletes versions older than the retention window; "
        "fails, and changes nothing, when a recorded subset could then no longer be re-read.",
        required_resource_keys={binding.resource("store")},
    )
    def maintain_tables(context: dg.OpExecutionContext, config: MaintenanceConfig) -> None:
        try:
            report = maintain_corpus(
                binding.store(context),
                binding.config,
                older_than=timedelta(days=config.retention_days),
                force=config.force,
            )
        except PinnedError as error:
            raise dg.Failure(str(error)) from None
        context.log.info(describe(report))

    @dg.job(
        name=f"{binding.name}_maintenance",
        description=f"Upkeep of the tables of {binding.name}: compaction, pruning.",
    )
    def maintenance() -> None:
        maintain_tables()

    return maintenance


def describe(report: Upkeep) -> str:
    """What a maintenance did (or, in a dry run, would do), in one line per kind of work."""
    versions = sum(map(len, report.pruned.values()))
    lines = [
        f"{report.tables:,} tables: {len(report.compacted):,} compacted, {versions:,} old versions "
        f"of {len(report.pruned):,} tables pruned, {len(report.dropped):,} tables dropped",
        *(f"dropped {name}" for name in report.dropped),
    ]
    if report.lost:
        subsets = ", ".join(report.lost_subsets)
        lines.append(f"recorded subsets that cannot be re-read any more: {subsets}")
    return "\n".join(lines)


def recorded_pins(store: Store, corpus: str, dropped: Collection[str] = ()) -> list[Pin]:
    """The table versions that subsets were made from and that are not the present ones.

    A table that was written again with the same rows pins nothing. `dropped`: names of tables,
    and of subsets, that are about to go.
    """
    stored = [info for info in store.stored(corpus) if info.name not in dropped]
    present = {info.name: info.meta.get("data_version") for info in stored}
    return [
        Pin(name, recorded["version"], subset.meta["shard"])
        for subset in stored
        if subset.meta["asset"] == SUBSET
        for asset, shards in facts(subset, "inputs").items()
        for shard, recorded in shards.items()
        if present.get(name := table_name(corpus, asset, shard)) != recorded["data_version"]
    ]


def orphaned_tables(store: Store, config: CorpusConfig) -> list[str]:
    """Names of the tables of shards whose file is gone, and of recipes that are not configured."""
    live = {spec.key for spec in discover_shards(config)}
    orphans = []
    for info in store.stored(config.name):
        shard = info.meta.get("shard")
        known = config.recipes if info.meta["asset"] == SUBSET else live
        if shard is not None and shard not in known:
            orphans.append(info.name)
    return orphans
