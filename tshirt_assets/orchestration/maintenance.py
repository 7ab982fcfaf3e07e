"""The job that compacts and prunes the tables of a corpus."""

from datetime import timedelta

import dagster as dg
from pydantic import Field

from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.retention import describe_upkeep, maintain_corpus
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.store.compaction import PinnedError

RETENTION_DAYS = 7.0


class MaintenanceConfig(dg.Config):
    """Configuration of a maintenance run."""

    retention_days: float = Field(
        default=RETENTION_DAYS, ge=0.0, description="Table versions younger than this are kept."
    )
    force: bool = Field(
        default=False, description="Prune also what recorded subsets were made from."
    )


def build_maintenance_job(binding: Binding) -> dg.JobDefinition:
    """The job `{corpus}_maintenance`: compact the corpus's tables and prune old versions."""

    @dg.op(
        name=binding.op("maintain"),
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
        except (PinnedError, UpstreamError) as error:
            raise dg.Failure(str(error)) from None
        context.log.info(describe_upkeep(report))

    @dg.job(
        name=f"{binding.name}_maintenance",
        description=f"Upkeep of the tables of {binding.name}: compaction, pruning.",
    )
    def maintenance() -> None:
        maintain_tables()

    return maintenance
