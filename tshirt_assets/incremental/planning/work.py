"""What each asset of a corpus would compute, in rows, tokens and floating-point operations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from tshirt_assets.config import CorpusConfig, Estimator
from tshirt_assets.incremental.draws import DELTAS, noise_facts
from tshirt_assets.incremental.estimates import gradient_identity
from tshirt_assets.incremental.identity import loss_identity
from tshirt_assets.incremental.planning.foreseen_contenders import (
    KnownScores,
    foreseen_contenders,
    known_scores,
)
from tshirt_assets.incremental.planning.stored_ids import StoredIds
from tshirt_assets.models.model_size import ModelSize

if TYPE_CHECKING:
    from tshirt_assets.models.causal_lm import LoadedCausalLM

Kind = Literal["clean", "noisy", "gradient", "target", "embedding"]
"""A way in which a model is used, each with a speed of its own."""
GRADIENT_COST = 2.0
"""Operations of a forward and a backward pass to the embeddings alone, per forward pass."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one asset computes: rows, those that are stored, tokens as a run counts them.

    flops: floating-point operations by the way in which the model is used.
    """

    rows: float = 0.0
    reused: float = 0.0
    tokens: float = 0.0
    flops: Mapping[Kind, float] = field(default_factory=dict)

    def __add__(self, other: "Work") -> "Work":
        """Two computations over rows of one asset: the larger is how many rows there are."""
        first = max(self, other, key=lambda work: (work.rows, work.reused))
        kinds = {**self.flops, **other.flops}
        flops = {k: self.flops.get(k, 0.0) + other.flops.get(k, 0.0) for k in kinds}
        return Work(first.rows, first.reused, self.tokens + other.tokens, flops)


class ScorerWork:
    """What is left to do with the scorer.

    rows: see `RowTokens`, under the tokenizer of the scorer.
    """

    def __init__(
        self,
        config: CorpusConfig,
        stored: StoredIds,
        scorer: "LoadedCausalLM",
        size: ModelSize,
        rows: pl.DataFrame,
    ):
        self._config, self._stored, self._scorer, self._size = config, stored, scorer, size
        self.rows = with_costs(rows, size)
        self._shards = rows["shard"].unique().to_list()
        self._identity = loss_identity("token_scores", config, scorer)

    @cached_property
    def unscored(self) -> pl.DataFrame:
        """The rows without token scores."""
        return self.rows.join(
            self._stored.under("token_scores", self._identity, self._shards),
            on="sample_id",
            how="anti",
        )

    def token_scores(self) -> Work:
        """The clean pass over all rows."""
        return _work(self.rows, self.unscored, "clean")

    @cached_property
    def known(self) -> KnownScores:
        """The clean scores that are stored."""
        store = self._stored.store
        return known_scores(store, self._config, self._identity, self.selectable)

    @cached_property
    def selectable(self) -> pl.DataFrame:
        """The rows that can be selected."""
        return self.rows.filter("selectable", pl.col("response") > 0)

    @cached_property
    def _contenders(self) -> pl.DataFrame:
        rows = self.rows.filter("selectable")
        found = foreseen_contenders(rows, self.known.frame, self._config)
        weight = pl.col("weight") * pl.col("contender")
        return found.filter(pl.col("contender") > 0).with_columns(weight=weight)

    def calibration(self) -> Work:
        """The sampled neighbours of the pilot, and the gradients that they are compared with."""
        from tshirt_assets.scoring.calibration import PILOT_NEIGHBOURS, pilot_ids

        ids = self.selectable["sample_id"].unique()
        pilot = self.selectable.unique("sample_id", keep="first", maintain_order=True).filter(
            pl.col("sample_id").is_in(pilot_ids(ids.to_list()))
        )
        pilot = pilot.with_columns(weight=pl.lit(1.0))
        if self.kept_calibration is not None:
            return Work(reused=pilot.height)
        identity = self._noise_identity(PILOT_NEIGHBOURS)
        drawn = self._drawn("pilot_deltas", identity, pilot, PILOT_NEIGHBOURS)
        gradients = _work(pilot, pilot, "gradient")
        return drawn + Work(flops=gradients.flops)

    @cached_property
    def kept_calibration(self) -> dict[str, float] | None:
        """The facts of the stored calibration where a run keeps it, else None."""
        from tshirt_assets.scoring.calibration import PILOT_NEIGHBOURS

        if not self.known.settled:
            return None
        identity = self._noise_identity(PILOT_NEIGHBOURS)
        present = self.selectable["sample_id"]
        return self._stored.calibration(identity, self.known.tau, present, self._config)

    def robust_scores(self) -> Work:
        """Sampled neighbours and gradients of the contenders, or of all rows."""
        config, done = self._config, Work()
        if config.neighbours:
            rows = self.selectable if config.perturbs_all_rows else self._contenders
            identity = self._noise_identity(config.neighbours)
            done += self._drawn(DELTAS, identity, rows, config.neighbours)
        for estimator in config.estimators:
            if estimator != "sampled":
                every = config.measures_all_rows(estimator)
                done += self._by_gradients(
                    estimator, self.selectable if every else self._contenders
                )
        return done

    def _by_gradients(self, estimator: Estimator, rows: pl.DataFrame) -> Work:
        from tshirt_assets.scoring.calibration import Calibration

        left, tau = rows, self.known.tau
        if self.kept_calibration is not None and tau is not None:
            calibration = Calibration.from_facts(self.kept_calibration)
            identity = gradient_identity(self._config, self._scorer, estimator, tau, calibration)
            found = self._stored.under(f"{estimator}_scores", identity, self._shards)
            left = rows.join(found, on="sample_id", how="anti")
        return _work(rows, left, "gradient")

    def _noise_identity(self, neighbours: int) -> str:
        facts = noise_facts(self._config, neighbours)
        return loss_identity("robust_scores", self._config, self._scorer, **facts)

    def _drawn(self, table: str, identity: str, rows: pl.DataFrame, neighbours: int) -> Work:
        found = self._stored.under(table, identity, self._shards)
        left = rows.join(found, on="sample_id", how="anti")
        return _work(rows, left, "noisy", times=neighbours)


def with_costs(rows: pl.DataFrame, size: ModelSize) -> pl.DataFrame:
    """`rows` with `tokens` of both passes as a run counts them, and their `flops`."""
    prompt, response, lead = (rows[name].to_numpy() for name in ("prompt", "response", "lead"))
    usable = response > 0
    flops = size.flops(prompt + response, response)
    flops = flops + size.flops(lead + response, response - 1 + lead)
    return rows.with_columns(
        tokens=pl.Series(np.where(usable, prompt + 2 * response, 0)),
        flops=pl.Series(np.where(usable, flops, 0.0)),
    )


def _work(rows: pl.DataFrame, left: pl.DataFrame, kind: Kind, *, times: int = 1) -> Work:
    """Work on the rows in `left`, of all `rows`; each row of them stands for `weight` rows."""
    weight = left["weight"].to_numpy()
    total = float(weight.sum())
    cost = times * (GRADIENT_COST if kind == "gradient" else 1.0)
    return Work(
        rows=total,
        reused=float(rows["weight"].sum()) - total,
        tokens=times * float(weight @ left["tokens"].to_numpy()),
        flops={kind: cost * float(weight @ left["flops"].to_numpy())},
    )
