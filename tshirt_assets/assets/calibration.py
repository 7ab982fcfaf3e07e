"""calibration: what a small pilot of sampled neighbours says about the analytic estimator."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl

from tshirt_assets.incremental.columns import CALIBRATION
from tshirt_assets.incremental.dataset import facts
from tshirt_assets.incremental.draws import draw, draw_table, to_deltas
from tshirt_assets.incremental.estimates import clean_losses
from tshirt_assets.incremental.rows import (
    ROW_COLUMNS,
    read_samples_by_id,
    to_frame,
    to_schema,
    tokenize_rows,
)
from tshirt_assets.incremental.writing import write_table
from tshirt_assets.models.cache import load_count
from tshirt_assets.orchestration.binding import GPU_POOL, Binding
from tshirt_assets.orchestration.declaring import dataset_asset
from tshirt_assets.orchestration.recording import describe_table, describe_work
from tshirt_assets.report.inline import agreement_markdown
from tshirt_assets.store.store import Store

if TYPE_CHECKING:
    from tshirt_assets.scoring.robustness import RobustScore

ASSET = "calibration"
PILOT = "pilot_deltas"


def build_calibration(binding: Binding) -> dg.AssetsDefinition:
    """The `calibration` asset of a corpus."""
    config = binding.config

    def make(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from tshirt_assets.scoring.calibration import PILOT_NEIGHBOURS, calibrate

        store = binding.store(context)
        scorer = binding.causal_lm(context, "scorer")
        contenders = store.info(binding.name, "contenders")
        if contenders is None:
            raise dg.Failure(f"contenders of {binding.name!r} are missing; materialize them first")
        tau = facts(contenders, "tau")
        rows = pilot_rows(store, binding.name)
        samples = read_samples_by_id(store, binding.name, rows)
        rows = rows.filter(pl.col("sample_id").is_in(list(samples)))
        draws = draw_table(store, binding, scorer, PILOT, PILOT_NEIGHBOURS, context.log)
        drawn = draws.score(None, rows, draw(scorer, config, samples, PILOT_NEIGHBOURS))
        ids = rows["sample_id"].to_list()
        clean = {
            sample_id: scores
            for (shard,), group in rows.group_by("shard", maintain_order=True)
            for sample_id, scores in clean_losses(
                store, binding, scorer, str(shard), group["sample_id"].to_list()
            ).items()
        }
        calibration, analytic, sampled = calibrate(
            scorer.engine,
            tokenize_rows(ids, samples, scorer, config.prompt_format),
            [clean[sample_id] for sample_id in ids],
            to_deltas(drawn.table),
            tau=tau,
            alpha=config.robustness.alpha,
        )
        if calibration.errors is None:
            context.log.warning(
                f"{len(ids)} rows are too few for a pilot: the estimator goes uncalibrated, with "
                "the noise that is usual. With so few rows, estimator: sampled costs little"
            )
        table = to_schema(pilot_frame(rows, analytic, sampled), CALIBRATION)
        info = write_table(
            store, binding, ASSET, None, table, tau=tau, calibration=calibration.facts()
        )
        metadata = describe_table(info, table, ("status", *CALIBRATION.names[len(ROW_COLUMNS) :]))
        metadata |= (
            describe_work(drawn)
            | calibration.facts()
            | {
                "tau": tau,
                "model": scorer.path,
                "model_loads": load_count(),
                "agreement_plot": dg.MetadataValue.md(
                    agreement_markdown(
                        table["analytic_std"].to_numpy(),
                        table["sampled_std"].to_numpy(),
                        "std of S-IFD: analytic (across) against sampled (up)",
                    )
                ),
            }
        )
        yield dg.MaterializeResult(
            metadata=metadata, data_version=dg.DataVersion(info.meta["data_version"])
        )

    return dataset_asset(
        binding,
        ASSET,
        description="Constants of the analytic estimator of robustness (width of the smooth "
        "threshold), and how far it is off, from a few dozen rows that are also sampled.",
        deps=[
            binding.dep("samples", whole=True),
            binding.dep("token_scores", whole=True),
            binding.dep("contenders"),
        ],
        make=make,
        checks={},
        kinds={"lancedb", "pytorch", "huggingface"},
        resources=("store", "scorer"),
        schema=CALIBRATION,
        pool=GPU_POOL,
    )


def pilot_frame(
    rows: pl.DataFrame, analytic: Sequence["RobustScore"], sampled: Sequence["RobustScore"]
) -> pl.DataFrame:
    """`rows` with both estimates; a status that is not ok is that of the sampled one."""
    return rows.with_columns(
        status=pl.Series([str(score.status) for score in sampled], dtype=pl.String),
        status_detail=pl.Series([score.status_detail for score in sampled], dtype=pl.String),
        analytic_mean=pl.Series([score.s_ifd_mean for score in analytic], dtype=pl.Float64),
        analytic_std=pl.Series([score.s_ifd_std for score in analytic], dtype=pl.Float64),
        sampled_mean=pl.Series([score.s_ifd_mean for score in sampled], dtype=pl.Float64),
        sampled_std=pl.Series([score.s_ifd_std for score in sampled], dtype=pl.Float64),
        n_neighbours=pl.Series([score.n_neighbours for score in sampled], dtype=pl.Int32),
    )


def pilot_rows(store: Store, corpus: str) -> pl.DataFrame:
    """ROW columns of the pilot, a random sample of the rows that have a clean S-IFD.

    Not of the contenders: those are more than twice as long, and change with the recipes.
    """
    from tshirt_assets.scoring.calibration import pilot_ids

    usable = to_frame(
        store.read(corpus, "contenders", columns=list(ROW_COLUMNS), where="status = 'ok'")
    ).unique("sample_id", keep="first", maintain_order=True)
    return usable.filter(pl.col("sample_id").is_in(pilot_ids(usable["sample_id"].to_list())))
