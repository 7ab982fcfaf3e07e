"""robust_scores: mean and std of S-IFD under embedding noise, for the rows that can be selected."""

from collections.abc import Callable

import dagster as dg

from tshirt_assets.incremental.checks import FINITE, USABLE, finite_outcome, usable_outcome
from tshirt_assets.incremental.columns import ROBUST_SCORES
from tshirt_assets.incremental.dataset import facts
from tshirt_assets.incremental.estimates import Estimates
from tshirt_assets.incremental.writing import upstream_version, write_table
from tshirt_assets.models.cache import load_count
from tshirt_assets.orchestration.binding import GPU_POOL, Binding
from tshirt_assets.orchestration.declaring import partitioned_asset
from tshirt_assets.orchestration.recording import describe_table, describe_work, finite, histogram
from tshirt_assets.orchestration.shard_loop import ShardReport
from tshirt_assets.store.store import Store, TableInfo

ASSET = "robust_scores"


def build_robust_scores(binding: Binding) -> dg.AssetsDefinition:
    """The `robust_scores` asset of a corpus."""
    config = binding.config

    def prepare(context: dg.AssetExecutionContext) -> Callable[[str], ShardReport]:
        from tshirt_assets.scoring.calibration import Calibration

        store = binding.store(context)
        scorer = binding.causal_lm(context, "scorer")
        contenders = _needed(store, binding, "contenders")
        tau = facts(contenders, "tau")
        inputs = {"contenders": contenders.meta["data_version"]}
        calibration = None
        if config.needs_calibration:
            pilot = _needed(store, binding, "calibration")
            inputs["calibration"] = pilot.meta["data_version"]
            calibration = Calibration.from_facts(facts(pilot, "calibration"))
        estimates = Estimates(
            store,
            binding,
            scorer,
            tau,
            facts(contenders, "keep_fraction"),
            calibration,
            context.log,
        )

        def process(shard: str) -> ShardReport:
            table, work = estimates.measure(shard)
            info = write_table(
                store,
                binding,
                ASSET,
                shard,
                table,
                identity=estimates.identity,
                tau=tau,
                estimators=config.estimators,
            )
            metadata = describe_table(
                info, table, ("row", "estimator", "status", "s_ifd_mean", "s_ifd_std", "ifd_mean")
            )
            metadata |= describe_work(*work) | {
                "tau": tau,
                "model": scorer.path,
                "model_loads": load_count(),
                "neighbours": config.neighbours,
                "estimators": ", ".join(config.estimators),
            }
            for column, title in (("s_ifd_mean", "S-IFD mean"), ("s_ifd_std", "S-IFD std")):
                metadata[f"{column}_plot"] = histogram(finite(table, column), title)
            return ShardReport(
                data_version=info.meta["data_version"],
                metadata=metadata,
                inputs={"samples": upstream_version(store, binding, "samples", shard), **inputs},
                checks={
                    "rows_usable": usable_outcome(table, config.max_bad_share),
                    "scores_finite": finite_outcome(table, ("s_ifd_mean", "s_ifd_std", "ifd_mean")),
                },
            )

        return process

    upstream = ["samples", "contenders", *(["calibration"] if config.needs_calibration else [])]
    return partitioned_asset(
        binding,
        ASSET,
        description="Mean and std of S-IFD, and mean IFD, under noise on the embeddings of each "
        "contender (or of every row, with scope: all). A row is chosen for a high mean and a low "
        "std.",
        deps=[binding.dep(asset) for asset in upstream],
        prepare=prepare,
        checks={"rows_usable": USABLE, "scores_finite": FINITE},
        kinds={"lancedb", "pytorch", "huggingface"},
        resources=("store", "scorer"),
        schema=ROBUST_SCORES,
        pool=GPU_POOL,
    )


def _needed(store: Store, binding: Binding, asset: str) -> TableInfo:
    info = store.info(binding.name, asset)
    if info is None:
        raise dg.Failure(f"{asset} of {binding.name!r} is missing; materialize it first")
    return info
