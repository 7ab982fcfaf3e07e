"""contenders: the dataset-wide threshold tau, every row's clean S-IFD, and who can still win."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pyarrow as pa

from tshirt_assets.corpus.status import Status
from tshirt_assets.incremental.columns import CONTENDERS
from tshirt_assets.incremental.dataset import ALL_SHARDS, Dataset, open_dataset
from tshirt_assets.incremental.rows import to_frame, to_schema
from tshirt_assets.incremental.writing import write_table
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.declaring import dataset_asset
from tshirt_assets.orchestration.recording import describe_table, finite, histogram
from tshirt_assets.orchestration.shard_loop import check_result

ASSET = "contenders"


def build_contenders(binding: Binding) -> dg.AssetsDefinition:
    """The `contenders` asset of a corpus."""
    config = binding.config

    def make(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from tshirt_assets.selection.contenders import contenders
        from tshirt_assets.selection.threshold import threshold

        store = binding.store(context)
        dataset = open_dataset(context, binding, store, "token_scores")

        def passes() -> Iterator[np.ndarray]:
            for _, batch in dataset.batches(["token_delta"], "status = 'ok'"):
                yield batch.column("token_delta").flatten().to_numpy()

        try:
            tau = threshold(passes, config.keep_fraction)
        except ValueError as error:
            raise dg.Failure(
                f"no threshold for {binding.name!r}: {error}. See the statuses of token_scores: "
                "no row could be scored"
            ) from None
        clean = clean_s_ifd(dataset, tau)
        if any(recipe.quotas for recipe in config.recipes.values()):
            samples = open_dataset(context, binding, store, "samples")
            domains = samples.frame(["sample_id", "domain"]).unique("sample_id", keep="first")
            clean = clean.join(domains, on="sample_id", how="left", maintain_order="left")
        chosen = contenders(clean, config.recipes.values(), margin=config.robustness.margin)
        ranked = clean.sort("s_ifd", "sample_id", descending=[True, False], nulls_last=True)
        ranks = pl.when(pl.col("s_ifd").is_not_null()).then(pl.int_range(1, pl.len() + 1))
        frame = (
            ranked.with_columns(rank=ranks)
            .join(
                chosen.select("sample_id", "shard", "row", contender=pl.lit(True)),
                on=["sample_id", "shard", "row"],
                how="left",
                maintain_order="left",
            )
            .with_columns(
                pl.col("contender").fill_null(False),
                tau=pl.lit(tau),
                keep_fraction=pl.lit(config.keep_fraction),
            )
        )
        table = to_schema(frame, CONTENDERS)
        info = write_table(
            store, binding, ASSET, None, table, tau=tau, keep_fraction=config.keep_fraction
        )
        s_ifd = finite(table, "s_ifd")
        metadata = describe_table(info, table, ("rank", "contender", "s_ifd", "ifd", "status"))
        metadata |= dataset.metadata() | {
            "tau": tau,
            "keep_fraction": config.keep_fraction,
            "contenders": chosen.height,
            "s_ifd_plot": histogram(s_ifd, "clean S-IFD"),
        }
        yield dg.MaterializeResult(
            metadata=metadata,
            data_version=dg.DataVersion(info.meta["data_version"]),
        )
        outcome = dataset.outcome(config.on_missing_shards)
        yield check_result(binding, ASSET, "all_shards_used", {"all shards": outcome})

    return dataset_asset(
        binding,
        ASSET,
        description="Threshold tau on abs(token delta) over the whole corpus, clean S-IFD of every "
        "row, and the contenders: the rows whose robustness must be measured because a recipe can "
        "still select them.",
        deps=[binding.dep("token_scores", whole=True)],
        make=make,
        checks={"all_shards_used": ALL_SHARDS},
        kinds={"lancedb", "polars"},
        resources=("store",),
        schema=CONTENDERS,
    )


def clean_s_ifd(dataset: Dataset, tau: float) -> pl.DataFrame:
    """ROW columns, ifd and clean S-IFD of every row; no informative token is a status."""
    from tshirt_assets.scoring.sifd import s_ifd_rows

    parts = []
    columns = ["sample_id", "shard", "row", "status", "status_detail", "ifd", "token_delta"]
    for _, batch in dataset.batches(columns):
        deltas = batch.column("token_delta")
        scores = s_ifd_rows(
            deltas.flatten().to_numpy(), np.asarray(deltas.value_lengths().fill_null(0)), tau
        )
        frame = to_frame(pa.Table.from_batches([batch]).drop(["token_delta"]))
        parts.append(frame.with_columns(s_ifd=pl.Series(scores)))
    uninformed = (pl.col("status") == "ok") & pl.col("s_ifd").is_nan()
    return pl.concat(parts).with_columns(
        status=pl.when(uninformed)
        .then(pl.lit(Status.NO_INFORMATIVE_TOKEN.value))
        .otherwise("status"),
        status_detail=pl.when(uninformed)
        .then(pl.lit(f"no token has abs(delta) > {tau:g}"))
        .otherwise("status_detail"),
        s_ifd=pl.when(pl.col("s_ifd").is_nan()).then(None).otherwise("s_ifd"),
    )
