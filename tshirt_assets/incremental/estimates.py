"""Robustness of one shard's rows by every estimator that the recipes use.

`robust_scores` is put together from the sampled neighbours (see `draws`) and from the scores that
took a gradient (`analytic_scores`, `hybrid_scores`), which hold for one threshold. All are reused
row by row.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

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
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.identity import data_version, identity_hash, loss_identity
from tshirt_assets.incremental.overlap import Computation
from tshirt_assets.incremental.progress import Progress
from tshirt_assets.incremental.score_table import ScoredShard, ScoreTable
from tshirt_assets.incremental.soundness import kept_table
from tshirt_assets.incremental.stored_rows import (
    ROW_COLUMNS,
    ShardSamples,
    row_frame,
    tokenize_rows,
)
from tshirt_assets.store.frames import lists_of, to_frame, to_schema, with_ids
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo

if TYPE_CHECKING:
    from tshirt_assets.models.causal_lm import LoadedCausalLM
    from tshirt_assets.scoring.calibration import Calibration
    from tshirt_assets.scoring.clean import CleanLosses
    from tshirt_assets.scoring.tokenize import TokenizedSample


@dataclass(frozen=True)
class MeasuredShard:
    """The robust_scores of a shard, a hash of what they were made from, and the work it took."""

    table: pa.Table
    made_from: str
    work: list[ScoredShard]


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
        progress: Progress | None = None,
    ):
        self._store, self._config, self._scorer, self._log = store, config, scorer, log
        self.tau, self._keep_fraction, self._calibration = tau, keep_fraction, calibration
        self._progress = progress or Progress(log, "robust_scores")
        self._draws: ScoreTable | None = None
        if self._config.neighbours:
            self._draws = draw_table(
                store, config, scorer, DELTAS, config.neighbours, log, self._progress
            )
        self._gradients = {
            name: self._gradient_table(name) for name in config.estimators if name != "sampled"
        }
        self.identity = robust_identity(config, scorer)

    def measure(self, shard: str) -> MeasuredShard:
        """The robust_scores of one shard; the stored ones, where they were made from the same."""
        samples = ShardSamples(self._store.read(self._config.name, "samples", shard))
        work: list[ScoredShard] = []
        drawn = None
        if self._draws is not None:
            rows = self._rows(shard, samples, every=self._config.perturbs_all_rows)
            drawing = draw(self._scorer, self._config, samples, self._config.neighbours)
            work.append(self._draws.score(shard, rows, drawing))
            drawn = work[0].table
        measured: dict[Estimator, pa.Table] = {}
        for estimator in self._config.estimators:
            rows = self._rows(shard, samples, every=self._config.measures_all_rows(estimator))
            if estimator == "sampled":
                assert drawn is not None
                measured[estimator] = kept(drawn, rows)
            else:
                gradients = self._by_gradients(estimator, shard, samples, drawn)
                work.append(self._gradients[estimator].score(shard, rows, gradients))
                measured[estimator] = work[-1].table
        made_from = self._made_from(measured)
        table = self._stored(shard, made_from, measured.values())
        if table is None:
            table = self._robust(measured)
        return MeasuredShard(table, made_from, work)

    def _made_from(self, measured: Mapping[Estimator, pa.Table]) -> str:
        return identity_hash(
            "robust_scores",
            identity=self.identity,
            tau=self.tau,
            keep_fraction=self._keep_fraction,
            measured={estimator: data_version(table) for estimator, table in measured.items()},
        )

    def _stored(self, shard: str, made_from: str, measured: Iterable[pa.Table]) -> pa.Table | None:
        """The stored robust_scores of a shard, if they were made from the same and are complete."""
        stored = kept_table(
            self._store,
            self._config.name,
            "robust_scores",
            shard,
            fits=lambda info: TableFacts.of(info).made_from == made_from,
            schema=ROBUST_SCORES,
            log=self._log,
        )
        wanted = [row for table in measured for row in table["sample_id"].to_pylist()]
        if stored is None or sorted(stored[1]["sample_id"].to_pylist()) != sorted(wanted):
            return None
        return stored[1]

    def _robust(self, measured: Mapping[Estimator, pa.Table]) -> pa.Table:
        """The rows of robust_scores: those of one estimator after those of the other."""
        parts = [ROBUST_SCORES.empty_table()]
        for estimator, found in measured.items():
            scores = sampled_table(found, self.tau) if estimator == "sampled" else found
            parts.append(
                robust_table(scores, estimator, self.identity, self.tau, self._keep_fraction)
            )
        return pa.concat_tables(parts)

    def _rows(self, shard: str, samples: Mapping[str, Sample], *, every: bool) -> pl.DataFrame:
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
            self._store,
            self._config.name,
            f"{estimator}_scores",
            identity,
            ROBUSTNESS,
            self._log,
            self._progress,
        )

    def _by_gradients(
        self,
        estimator: Estimator,
        shard: str,
        samples: Mapping[str, Sample],
        drawn: pa.Table | None,
    ) -> Computation[list["TokenizedSample"]]:
        from tshirt_assets.scoring.analytic import analytic_robust_scores
        from tshirt_assets.scoring.hybrid import hybrid_robust_scores

        assert self._calibration is not None
        calibration = self._calibration
        scored = clean_table(self._store, self._config, self._scorer, shard)

        def run(tokenized: Sequence["TokenizedSample"]) -> tuple[pa.Table, int]:
            ids = [sample.sample_id for sample in tokenized]
            clean = clean_losses(self._store, scored, ids)
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
                assert drawn is not None
                chosen = to_frame(drawn).filter(pl.col("sample_id").is_in(ids)).to_arrow()
                known = {row.sample_id: row for row in to_deltas(chosen)}
                found = hybrid_robust_scores(
                    **common,
                    neighbours=[known[sample_id] for sample_id in ids],
                    calibration=calibration,
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


def clean_table(
    store: Store, config: CorpusConfig, scorer: "LoadedCausalLM", shard: str
) -> TableInfo:
    """The token_scores of a shard under the present configuration. `UpstreamError` without it."""
    info = store.info(config.name, "token_scores", shard)
    if info is None or info.identity != loss_identity("token_scores", config, scorer):
        raise UpstreamError(
            f"token_scores of {shard} are missing or of another configuration; materialize them, "
            "then contenders"
        )
    return info


def clean_losses(store: Store, scored: TableInfo, ids: Sequence[str]) -> dict[str, "CleanLosses"]:
    """Losses of the clean passes of the rows with these `ids`, by sample id; see `clean_table`."""
    from tshirt_assets.scoring.clean import CleanLosses

    table = store.read(
        scored.corpus,
        scored.asset,
        scored.shard,
        columns=["sample_id", "token_nll", "token_delta", "ifd"],
        where=f"status = 'ok' AND {with_ids(ids)}",
        version=scored.version,
    )
    rows = zip(
        table["sample_id"].to_pylist(),
        lists_of(table["token_nll"]),
        lists_of(table["token_delta"]),
        table["ifd"].to_pylist(),
        strict=True,
    )
    return {sample_id: CleanLosses.of(*losses) for sample_id, *losses in rows}


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
