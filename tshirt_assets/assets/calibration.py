"""calibration: what a small pilot of sampled neighbours says about the analytic estimator."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import dagster as dg
import polars as pl
import pyarrow as pa

from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental.catalog import CALIBRATION
from tshirt_assets.incremental.columns import CALIBRATION as COLUMNS
from tshirt_assets.incremental.consistency import same_rows
from tshirt_assets.incremental.draws import draw, draw_table, to_deltas
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.estimates import clean_losses, clean_table
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.score_table import ScoredShard, ScoreTable
from tshirt_assets.incremental.soundness import reusable_rows
from tshirt_assets.incremental.stored_rows import ROW_COLUMNS, read_samples_by_id, tokenize_rows
from tshirt_assets.incremental.tolerance import pilot_stays
from tshirt_assets.incremental.writing import needed_table, write_table
from tshirt_assets.models.cache import load_count
from tshirt_assets.orchestration.asset_run import Run
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.declaring import corpus_asset
from tshirt_assets.orchestration.recording import agreement, describe_table, describe_work
from tshirt_assets.orchestration.shard_loop import Report
from tshirt_assets.store.frames import to_frame, to_schema
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo

if TYPE_CHECKING:
    from tshirt_assets.models.causal_lm import LoadedCausalLM
    from tshirt_assets.scoring.calibration import Calibration
    from tshirt_assets.scoring.robustness import RobustScore

PILOT = "pilot_deltas"
PREVIEW = ("status", *COLUMNS.names[len(ROW_COLUMNS) :])


def build(binding: Binding) -> dg.AssetsDefinition:
    """The `calibration` asset of a corpus."""
    return corpus_asset(binding, CALIBRATION, make)


def make(run: Run) -> Report:
    """Calibrate on the pilot, or keep what was found before, and report on it."""
    from tshirt_assets.scoring.calibration import Calibration

    scorer = run.scorer
    tau = TableFacts.of(needed_table(run.store, run.config.name, "contenders")).tau
    assert tau is not None
    draws = pilot_draws(run.store, run.config, scorer, run.log)
    kept = kept_calibration(draws, run.config, tau, run.log)
    if kept is not None:
        info, table = kept
        calibration = Calibration.from_facts(TableFacts.of(info).calibration or {})
        metadata: dict[str, Any] = {"computed": 0, "reused": table.num_rows}
        metadata["kept"] = "most of its rows and tau are as they were"
    else:
        calibration, table, drawn = calibrated(run.store, run.config, scorer, draws, tau)
        facts = TableFacts(tau=tau, calibration=calibration.facts())
        info = write_table(
            run.store,
            run.config.name,
            CALIBRATION.name,
            None,
            table,
            identity=draws.identity,
            facts=facts,
        )
        metadata = describe_work(drawn)
    if calibration.errors is None:
        few = (
            f"{table.num_rows} rows are too few for a pilot: the constants are those of another "
            "model. With so few rows, estimator: sampled costs little"
        )
        run.log.warning(few)
        metadata["not_calibrated"] = few
    metadata = describe_table(info, table, PREVIEW) | metadata | calibration.facts()
    metadata |= {
        "tau_nats": tau,
        "model": scorer.path,
        "model_loads": load_count(),
        "agreement_plot": agreement(
            table["analytic_std"].to_numpy(),
            table["sampled_std"].to_numpy(),
            ("analytic std of S-IFD", "sampled std of S-IFD"),
        ),
    }
    return Report(data_version=info.data_version, metadata=metadata)


def pilot_draws(
    store: Store, config: CorpusConfig, scorer: "LoadedCausalLM", log: Any
) -> ScoreTable:
    """The table of the pilot's sampled neighbours."""
    from tshirt_assets.scoring.calibration import PILOT_NEIGHBOURS

    return draw_table(store, config, scorer, PILOT, PILOT_NEIGHBOURS, log)


def kept_calibration(
    draws: ScoreTable, config: CorpusConfig, tau: float, log: Any
) -> tuple[TableInfo, pa.Table] | None:
    """The stored calibration and its rows, where another one would be about the same.

    Its constants belong to every analytic score: while tau stays (see `tau_tolerance`) and
    KEPT_PILOT of its rows are still in the corpus, they stay, too; not where it, or the pilot that
    it was made from, is no longer what was written.
    """
    if config.tau_tolerance == 0:
        return None
    store, identity = draws.store, draws.identity
    stored = partial(reusable_rows, store, config.name, shard=None, identity=identity, log=log)
    rows = stored(CALIBRATION.name, schema=COLUMNS)
    drawn = None if rows is None else stored(PILOT, schema=draws.schema)
    if rows is None or drawn is None or any(same_rows(to_frame(rows), to_frame(drawn), PILOT)):
        return None
    info = needed_table(store, config.name, CALIBRATION.name)
    try:
        facts = TableFacts.of(info)
    except UpstreamError:  # it is written again
        return None
    if facts.tau != tau or facts.calibration is None or "std_scale" not in facts.calibration:
        return None
    there = store.read(config.name, "contenders", columns=["sample_id"], where="status = 'ok'")
    stays = pilot_stays(to_frame(rows)["sample_id"], to_frame(there)["sample_id"])
    return (info, rows) if stays else None


def calibrated(
    store: Store, config: CorpusConfig, scorer: "LoadedCausalLM", draws: ScoreTable, tau: float
) -> tuple["Calibration", pa.Table, ScoredShard]:
    """The calibration, the pilot's rows with both estimates, and the work of sampling them.

    draws: see `pilot_draws`.
    """
    from tshirt_assets.scoring.calibration import PILOT_NEIGHBOURS, calibrate

    rows = pilot_rows(store, config.name)
    samples = read_samples_by_id(store, config.name, rows)
    rows = rows.filter(pl.col("sample_id").is_in(list(samples)))
    drawn = draws.score(None, rows, draw(scorer, config, samples, PILOT_NEIGHBOURS))
    ids = rows["sample_id"].to_list()
    clean = {
        sample_id: losses
        for (shard,), group in rows.group_by("shard", maintain_order=True)
        for sample_id, losses in clean_losses(
            store, clean_table(store, config, scorer, str(shard)), group["sample_id"].to_list()
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
    return calibration, to_schema(pilot_frame(rows, analytic, sampled), COLUMNS), drawn


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
