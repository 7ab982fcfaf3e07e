"""contenders: the dataset-wide threshold tau, every row's clean S-IFD, and who can still win."""

from collections.abc import Iterator, Mapping

import dagster as dg
import numpy as np
import polars as pl
import pyarrow as pa

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.status import Status
from tshirt_assets.incremental.catalog import CONTENDERS
from tshirt_assets.incremental.columns import CONTENDERS as COLUMNS
from tshirt_assets.incremental.dataset import Dataset
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.identity import identity_hash
from tshirt_assets.incremental.shuffled_pairs import Guard, open_guard
from tshirt_assets.incremental.soundness import kept_table
from tshirt_assets.incremental.stored_rows import ROW_COLUMNS
from tshirt_assets.incremental.tolerance import kept_tau
from tshirt_assets.incremental.unusable import why_unusable
from tshirt_assets.incremental.writing import write_table
from tshirt_assets.orchestration.asset_run import Run
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.declaring import corpus_asset
from tshirt_assets.orchestration.recording import (
    describe_shards,
    describe_table,
    finite_values,
    histogram_plot,
)
from tshirt_assets.orchestration.shard_loop import Report
from tshirt_assets.store.frames import to_frame, to_schema

PREVIEW = ("rank", "contender", "s_ifd", "ifd", "status")
CLEAN = (*ROW_COLUMNS, "ifd", "s_ifd")
"""What tells who can still win: IFD and clean S-IFD of every row, for one tau."""


def build(binding: Binding) -> dg.AssetsDefinition:
    """The `contenders` asset of a corpus."""
    return corpus_asset(binding, CONTENDERS, make)


def make(run: Run) -> Report:
    """Find tau and the contenders, store them and report on them."""
    config = run.config
    dataset = run.dataset("token_scores")
    samples = run.dataset("samples") if any(r.quotas for r in config.recipes.values()) else None
    source = made_from(dataset, config.keep_fraction)
    known, ranked = ranked_before(run, source)
    quantile = known.quantile
    if quantile is None:
        quantile = find_tau(dataset, config.keep_fraction)
    tau = kept_tau(run.store, config, quantile)
    clean = ranked if ranked is not None and known.tau == tau else clean_s_ifd(dataset, tau)
    guard = open_guard(run.dataset, config.recipes.values())
    table = contender_table(clean, samples, config, tau, guard)
    facts = TableFacts(
        tau=tau, quantile=quantile, keep_fraction=config.keep_fraction, made_from=source
    )
    info = write_table(run.store, config.name, CONTENDERS.name, None, table, facts=facts)
    metadata = describe_table(info, table, PREVIEW) | describe_shards(dataset)
    metadata |= {
        "tau_nats": tau,
        "tau_of_the_present_rows_nats": quantile,
        "keep_fraction": config.keep_fraction,
        "contenders": int(to_frame(table.select(["contender"]))["contender"].sum()),
        "s_ifd_plot": histogram_plot(finite_values(table, "s_ifd"), "clean S-IFD"),
    }
    return Report(
        data_version=info.data_version,
        metadata=metadata,
        checks={"all_shards_used": dataset.outcome(config.on_missing_shards)},
    )


def made_from(dataset: Dataset, keep_fraction: float) -> str:
    """Hash of what tau and the clean S-IFD are made from: all that recipes have no part in."""
    return identity_hash(
        CONTENDERS.name,
        token_scores=dataset.versions,
        identity=dataset.identity,
        keep_fraction=keep_fraction,
    )


def ranked_before(run: Run, source: str) -> tuple[TableFacts, pl.DataFrame | None]:
    """What is recorded with the stored contenders, and the `CLEAN` columns of their rows.

    No facts and None where they are not made from `source`: with another budget they are.
    """
    found = kept_table(
        run.store,
        run.config.name,
        CONTENDERS.name,
        None,
        fits=lambda info: TableFacts.of(info).made_from == source,
        schema=COLUMNS,
        log=run.log,
    )
    if found is None:
        return TableFacts(), None
    info, table = found
    in_order = to_frame(table).sort("shard", "row", maintain_order=True)
    return TableFacts.of(info), in_order.select(CLEAN)


def find_tau(dataset: Dataset, keep_fraction: float) -> float:
    """The threshold on abs(token delta) over the rows of `token_scores`, in nats.

    Only of rows that can be selected: exact duplicates count once, as they do for the budget.

    Raises `UpstreamError` where no row could be scored.
    """
    from tshirt_assets.selection.threshold import threshold

    is_ok = f"status = '{Status.OK.value}'"
    first = dataset.frame(["sample_id"], is_ok)["sample_id"].is_first_distinct().to_arrow()

    def passes() -> Iterator[np.ndarray]:
        at = 0
        for _, batch in dataset.batches(["token_delta"], is_ok):
            deltas = batch.column("token_delta").filter(first.slice(at, batch.num_rows))
            at += batch.num_rows
            yield deltas.flatten().to_numpy()

    try:
        return threshold(passes, keep_fraction)
    except ValueError as error:
        reason = why_unusable(dataset.store, dataset.corpus, dataset.asset, list(dataset.tables))
        raise UpstreamError(
            reason
            or f"no threshold for {dataset.corpus!r}: {error}. See the statuses of token_scores"
        ) from None


def contender_table(
    clean: pl.DataFrame,
    samples: Dataset | None,
    config: CorpusConfig,
    tau: float,
    guard: Guard | None = None,
) -> pa.Table:
    """Every row with its clean S-IFD, best first, and whether it can still be selected.

    clean: as `clean_s_ifd` has it; samples: where a recipe has quotas, the rows' domains; guard:
    where one has `min_relevance`.
    """
    from tshirt_assets.selection.contenders import contenders

    if samples is not None:
        domains = samples.frame(["sample_id", "domain"]).unique("sample_id", keep="first")
        clean = clean.join(domains, on="sample_id", how="left", maintain_order="left")
    floors: Mapping[float, float] = {}
    if guard is not None:
        relevances = guard.relevance.frame(["sample_id", "relevance"]).unique("sample_id")
        clean = clean.join(relevances, on="sample_id", how="left", maintain_order="left")
        floors = guard.floors
    chosen = contenders(
        clean, config.recipes.values(), margin=config.robustness.margin, floors=floors
    )
    place = ["sample_id", "shard", "row"]
    marked = chosen.select(*place, contender=pl.lit(True))
    ranks = pl.when(pl.col("s_ifd").is_not_null()).then(pl.int_range(1, pl.len() + 1))
    frame = (
        clean.sort("s_ifd", "sample_id", descending=[True, False], nulls_last=True)
        .with_columns(rank=ranks)
        .join(marked, on=place, how="left", maintain_order="left")
        .with_columns(
            pl.col("contender").fill_null(False),
            tau=pl.lit(tau),
            keep_fraction=pl.lit(config.keep_fraction),
        )
    )
    return to_schema(frame, COLUMNS)


def clean_s_ifd(dataset: Dataset, tau: float) -> pl.DataFrame:
    """The `CLEAN` columns of `token_scores`; no informative token is a status."""
    from tshirt_assets.scoring.sifd import s_ifd_rows

    parts = []
    for _, batch in dataset.batches([*ROW_COLUMNS, "ifd", "token_delta"]):
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
