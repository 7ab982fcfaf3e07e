"""What a recipe has to beat: simple selections of as many rows, each with a name."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from tshirt_assets.selection.hierarchical import pool_rows
from tshirt_assets.selection.lots import random_draws

REPEATS: Final = 20
"""Random selections: their spread says what chance alone does."""


@dataclass(frozen=True, slots=True)
class Pick:
    """Rows that a rule selects, best first. `draw` numbers those of a rule that draws lots."""

    rule: str
    sample_ids: list[str]
    draw: int | None = None

    @property
    def name(self) -> str:
        """The rule, and which of its draws this is."""
        return self.rule if self.draw is None else f"{self.rule}-{self.draw + 1:02d}"


RULES: Final = {
    "random": "rows drawn by lot",
    "longest": "most response tokens",
    "low loss": "lowest response loss given the prompt",
    "cosine": "highest cosine of instruction and response",
    "relevant, longest": "IFD below 1 and cosine above its median, then most response tokens",
    "pool, low mean": "of T-SHIRT's pool the half of lower mean, in place of lower std",
    "pool, high std": "of T-SHIRT's pool the half of higher std",
    "pool, random": "a half of T-SHIRT's pool drawn by lot",
}
"""Every rule and what it selects."""


def baselines(
    frame: pl.DataFrame, budget: int, *, gamma: float = 2.0, seed: int = 0, repeats: int = REPEATS
) -> list[Pick]:
    """All baselines of `budget` rows that the scores of a `score_frame` allow.

    A rule whose scores are not there is left out; where fewer rows qualify, it has fewer. The
    pool is T-SHIRT's: of the rows with a robust IFD below 1 the gamma * budget of highest mean.
    Ties break by sample_id; draws depend on `seed` and the sample ids alone.
    """
    return [
        *_draws("random", frame, budget, seed, repeats),
        *_highest("longest", frame, "n_response_tokens", budget),
        *_highest("low loss", frame.with_columns(-pl.col("cond_nll")), "cond_nll", budget),
        *_highest("cosine", frame, "cosine", budget),
        *_relevant_longest(frame, budget),
        *_of_pool(frame, budget, gamma, seed, repeats),
    ]


def _highest(rule: str, frame: pl.DataFrame, column: str, budget: int) -> Iterator[Pick]:
    found = frame.filter(pl.col(column).is_not_null())
    if found.height:
        ordered = found.sort(column, "sample_id", descending=[True, False])
        yield Pick(rule, ordered["sample_id"].head(budget).to_list())


def _relevant_longest(frame: pl.DataFrame, budget: int) -> Iterator[Pick]:
    relevant = frame.filter(pl.col("ifd") < 1, pl.col("cosine") > pl.col("cosine").median())
    yield from _highest("relevant, longest", relevant, "n_response_tokens", budget)


def _of_pool(
    frame: pl.DataFrame, budget: int, gamma: float, seed: int, repeats: int
) -> Iterator[Pick]:
    eligible = frame.filter(pl.col("ifd_mean") < 1, pl.col("s_ifd_mean").is_not_null())
    pool = eligible.sort("s_ifd_mean", "sample_id", descending=[True, False])
    pool = pool.head(pool_rows(gamma, budget))
    low_mean = pool.with_columns(-pl.col("s_ifd_mean"))
    yield from _highest("pool, low mean", low_mean, "s_ifd_mean", budget)
    yield from _highest("pool, high std", pool, "s_ifd_std", budget)
    if pool.height:
        yield from _draws("pool, random", pool, budget, seed, repeats)


def _draws(rule: str, frame: pl.DataFrame, budget: int, seed: int, repeats: int) -> Iterator[Pick]:
    ids = sorted(frame["sample_id"].to_list())
    for draw in range(repeats):
        lots = random_draws(seed * REPEATS + draw, ids)
        chosen = np.argsort(-lots, kind="stable")[:budget]
        yield Pick(rule, [ids[place] for place in chosen], draw)
