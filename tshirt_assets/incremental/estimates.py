"""Robustness of one shard's rows by every estimator that the recipes use.

`robust_scores` is put together from the sampled neighbours (see `draws`) and from the scores that
took a gradient (`analytic_scores`, `hybrid_scores`), which hold for one threshold. All are reused
row by row.
"""

from collections.abc import Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa

from tshirt_assets.config import CorpusConfig, Estimator
from tshirt_assets.corpus.sample import Sample
from tshirt_assets.incremental.columns import ROBUST_SCORES, ROBUSTNESS, ROW
from tshirt_assets.incremental.draws import (
    DELTAS,
    draw,
    draw_table,
    n_tokens,
    noise_facts,
    sampled_table,
    scores_table,
    to_deltas,
)
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.identity import loss_identity
from tshirt_assets.incremental.overlap import Computation
from tshirt_assets.incremental.score_table import ScoredShard, ScoreTable
from tshirt_assets.incremental.stored_rows import (
    ROW_COLUMNS,
    row_frame,
    samples_by_id,
    tokenize_rows,
)
from tshirt_assets.store.frames import to_frame, to_schema, with_ids
from tshirt_assets.store.store import Store

if TYPE_CHECKING:
    from tshirt_assets.models.causal_lm import LoadedCausalLM
    from tshirt_assets.scoring.calibration import Calibration
    from tshirt_assets.scoring.clean import CleanLosses
    from tshirt_assets.scoring.tokenize import TokenizedSample


class Estimates:
    """Measures the rows of a run's shards; what is stored under the same identity is reused.

    `tau` is the threshold of the contenders; `calibration` is needed by analytic and hybrid.
    """

    def __init__(
        self,
        store: Store,
        config: CorpusConfig,
        scorer: "LoadedCausalLM",
        tau: float,
        keep_fraction: float,
        calibration: "Calibration | None",
        log: Any,
    ):
        self._store, self._config, self._scorer, self._log = store, config, scorer, log
        self.tau, self._keep_fraction, self._calibration = tau, keep_fraction, calibration
        self._draws: ScoreTable | None = None
        if self._config.neighbours:
            self._draws = draw_table(store, config, scorer, DELTAS, config.neighbours, log)
        self._gradients = {
            name: self._gradient_table(name) for name in config.estimators if name != "sampled"
        }
        self.identity = robust_identity(config, scorer)

    def measure(self, shard: str) -> tuple[pa.Table, list[ScoredShard]]:
        """The robust_scores of one shard, and the work that they took."""
        samples = samples_by_id(self._store.read(self._config.name, "samples", shard))
        work: list[ScoredShard] = []
        drawn = None
        if self._draws is not None:
            rows = self._rows(shard, samples, every=self._config.perturbs_all_rows)
            drawing = draw(self._scorer, self._config, samples, self._config.neighbours)
            work.append(self._draws.score(shard, rows, drawing))
            drawn = work[0].table
        parts = []
        for estimator in self._config.estimators:
            rows = self._rows(shard, samples, every=self._config.measures_all_rows(estimator))
            if estimator == "sampled":
                assert drawn is not None
                table = sampled_table(kept(drawn, rows), self.tau)
            else:
                gradients = self._by_gradients(estimator, shard, samples, drawn)
                work.append(self._gradients[estimator].score(shard, rows, gradients))
                table = work[-1].table
            parts.append(
                robust_table(table, estimator, self.identity, self.tau, self._keep_fraction)
            )
        return pa.concat_tables(parts) if parts else ROBUST_SCORES.empty_table(), work

    def _rows(self, shard: str, samples: dict[str, Sample], *, every: bool) -> pl.DataFrame:
        """ROW columns of the rows to measure; not of those whose file was read again since."""
        if every:
            where = "status = 'ok'"
            rows = row_frame(
                self._store.read(self._config.name, "token_scores", shard, where=where)
            )
        else:
            rows = self._contenders.get((shard,), to_frame(pa.schema(ROW).empty_table()))
        return rows.filter(pl.col("sample_id").is_in(list(samples)))

    @cached_property
    def _contenders(self) -> dict[tuple[object, ...], pl.DataFrame]:
        """ROW columns of the contenders of every shard; their table is read once per run."""
        table = self._store.read(
            self._config.name, "contenders", columns=ROW_COLUMNS, where="contender"
        )
        return row_frame(table).sort("row").partition_by("shard", as_dict=True)

    def _gradient_table(self, estimator: Estimator) -> ScoreTable:
        assert self._calibration is not None
        identity = gradient_identity(
            self._config, self._scorer, estimator, self.tau, self._calibration
        )
        return ScoreTable(
            self._store, self._config.name, f"{estimator}_scores", identity, ROBUSTNESS, self._log
        )

    def _by_gradients(
        self, estimator: Estimator, shard: str, samples: dict[str, Sample], drawn: pa.Table | None
    ) -> Computation[list["TokenizedSample"]]:
        from tshirt_assets.scoring.analytic import analytic_robust_scores
        from tshirt_assets.scoring.hybrid import hybrid_robust_scores

        assert self._calibration is not None
        calibration = self._calibration
        clean = clean_losses(self._store, self._config, self._scorer, shard)
        known = {} if drawn is None else {row.sample_id: row for row in to_deltas(drawn)}

        def run(tokenized: Sequence["TokenizedSample"]) -> tuple[pa.Table, int]:
            ids = [sample.sample_id for sample in tokenized]
            common: dict[str, Any] = {
                "engine": self._scorer.engine,
                "samples": tokenized,
                "clean": [clean[sample_id] for sample_id in ids],
                "tau": self.tau,
                "alpha": self._config.robustness.alpha,
            }
            if estimator == "analytic":
                found = analytic_robust_scores(**common, noise=calibration.noise)
            else:
                neighbours = [known[sample_id] for sample_id in ids]
                found = hybrid_robust_scores(
                    **common, neighbours=neighbours, calibration=calibration
                )
            return scores_table(found), n_tokens(tokenized)

        tokenize = partial(
            tokenize_rows,
            samples=samples,
            model=self._scorer,
            prompt_format=self._config.prompt_format,
        )
        return Computation(tokenize, run)


def gradient_identity(
    config: CorpusConfig,
    scorer: "LoadedCausalLM",
    estimator: Estimator,
    tau: float,
    calibration: "Calibration",
) -> str:
    """Identity of the scores of an estimator that took a gradient."""
    return loss_identity(
        "robust_scores",
        config,
        scorer,
        estimator=estimator,
        tau=tau,
        calibration=calibration.decisive(estimator),
        **noise_facts(config, config.neighbours if estimator == "hybrid" else 0),
    )


def robust_identity(config: CorpusConfig, scorer: "LoadedCausalLM") -> str:
    """Identity of the rows of robust_scores."""
    noise = noise_facts(config, config.neighbours)
    return loss_identity("robust_scores", config, scorer, estimators=config.estimators, **noise)


def clean_losses(
    store: Store,
    config: CorpusConfig,
    scorer: "LoadedCausalLM",
    shard: str,
    ids: Sequence[str] | None = None,
) -> dict[str, "CleanLosses"]:
    """Losses of the clean passes of a shard's rows (or of those with these `ids`), by sample id.

    Raises:
        UpstreamError: the shard was scored under another configuration than the present one.
    """
    from tshirt_assets.scoring.clean import CleanLosses

    info = store.info(config.name, "token_scores", shard)
    if info is None or info.identity != loss_identity("token_scores", config, scorer):
        raise UpstreamError(
            f"token_scores of {shard} are missing or of another configuration; materialize them, "
            "then contenders"
        )
    where = "status = 'ok'"
    if ids is not None:
        where += f" AND {with_ids(ids)}"
    table = store.read(
        config.name,
        "token_scores",
        shard,
        columns=["sample_id", "token_nll", "token_delta", "ifd"],
        where=where,
        version=info.version,
    )
    return {
        row["sample_id"]: CleanLosses.of(
            np.array(row["token_nll"], np.float32),
            np.array(row["token_delta"], np.float32),
            row["ifd"],
        )
        for row in table.to_pylist()
    }


def kept(table: pa.Table, rows: pl.DataFrame) -> pa.Table:
    """The lines of a score table that belong to `rows`."""
    return to_frame(table).join(rows.select("row"), on="row", how="semi").to_arrow()


def robust_table(
    scores: pa.Table, estimator: Estimator, identity: str, tau: float, keep_fraction: float
) -> pa.Table:
    """The robust_scores table of one estimator's scores."""
    return to_schema(
        to_frame(scores).with_columns(
            identity=pl.lit(identity),
            estimator=pl.lit(estimator),
            tau=pl.lit(tau),
            keep_fraction=pl.lit(keep_fraction),
        ),
        ROBUST_SCORES,
    )
