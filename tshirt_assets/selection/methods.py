"""The recipe methods, one record each: what ranks the rows, what rules them out, what is said.

To add a method, add its record to `METHODS` and its name to `Recipe.method`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import polars as pl

from tshirt_assets.config import Recipe
from tshirt_assets.selection.exclusions import Exclusion, no_score, not_below_1, not_in
from tshirt_assets.selection.lots import random_draws
from tshirt_assets.selection.orders import HIGHEST_FIRST, TWO_STAGES, Order

RRF_CONSTANT = 60
"""Cormack, Clarke and Buettcher, SIGIR 2009: how little the very first places dominate."""

Reason = Callable[[Recipe, Mapping[str, Any], Mapping[str, float], int], str]
"""From the recipe, a selected row of its ranking, its cuts and the corpus seed to the reason."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Method:
    """All that is known of one recipe method.

    meaning: what it ranks by, in a phrase; `{fuse}` stands for the names of the recipes fused.
    score: the score column that ranks, or an expression made from the recipe and the corpus seed
    (of a fusion, from the columns `position_NAME` of its parts). decided_by: the stored table whose
    scores decide. excluded: why a row is ruled out, null for an eligible one. order: how eligible
    rows are ordered. reason: the numbers that put a selected row in. through_contenders: whether
    only contenders are measured for it.
    """

    name: str
    meaning: str
    score: str | Callable[[Recipe, int], pl.Expr]
    decided_by: str = "token_scores"
    excluded: pl.Expr
    order: Order = HIGHEST_FIRST
    reason: Reason
    through_contenders: bool = False

    @property
    def column(self) -> str | None:
        """The score column that ranks; None for a score that the method makes itself."""
        return self.score if isinstance(self.score, str) else None

    @property
    def by_robustness(self) -> bool:
        """Whether robust mean and std decide."""
        return self.order is TWO_STAGES

    def describe(self, recipe: Recipe) -> str:
        """What a recipe of this method ranks by."""
        return self.meaning.format(fuse=", ".join(recipe.fuse))

    def scored(self, recipe: Recipe, seed: int) -> pl.Expr:
        """The score of every row; null where the row has none."""
        score = pl.col(self.score) if isinstance(self.score, str) else self.score(recipe, seed)
        return score.cast(pl.Float64)


def _draws(recipe: Recipe, seed: int) -> pl.Expr:
    own = _own_seed(recipe, seed)
    return pl.col("sample_id").map_batches(
        lambda ids: pl.Series(random_draws(own, ids)), return_dtype=pl.Float64
    )


def _own_seed(recipe: Recipe, seed: int) -> int:
    return seed if recipe.seed is None else recipe.seed


def _fused(recipe: Recipe, seed: int) -> pl.Expr:
    """Reciprocal rank fusion: the sum over the parts of 1 / (60 + position).

    It needs neither comparable scores nor complete rankings: a part adds nothing for a row that
    it rules out, and a row that all of them rule out has no score.
    """
    places = [pl.col(f"position_{name}") for name in recipe.fuse]
    total = pl.sum_horizontal(1.0 / (RRF_CONSTANT + place) for place in places)
    return pl.when(total > 0).then(total)


def _value(text: str) -> Reason:
    """The reason that names score and rank, with the score written as `text` has it."""
    return lambda recipe, row, cuts, seed: f"{text.format(row['score'])} (rank {row['position']})"


def _mean_and_std(
    recipe: Recipe, row: Mapping[str, Any], cuts: Mapping[str, float], seed: int
) -> str:
    mean = f"S-IFD mean {row['score']:.4g} (rank {row['mean_rank']})"
    cut = f" within cut {cuts['s_ifd_std']:.3g}" if row["in_pool"] else ""
    return f"{mean}, std {row['s_ifd_std']:.3g}{cut}"


def _places(recipe: Recipe, row: Mapping[str, Any], cuts: Mapping[str, float], seed: int) -> str:
    places = {name: row[f"position_{name}"] for name in recipe.fuse}
    return ", ".join(f"{name} rank {place}" for name, place in places.items() if place is not None)


def _seed(recipe: Recipe, row: Mapping[str, Any], cuts: Mapping[str, float], seed: int) -> str:
    return f"random draw (seed {_own_seed(recipe, seed)})"


def _not_robust() -> pl.Expr:
    """Rules out rows without robust scores, and those whose IFD is 1 or above under noise."""
    measured = not_in("robust_scores", absent=Exclusion.NOT_A_CONTENDER)
    return pl.coalesce(measured, not_below_1("ifd_mean"))


_ALL = (
    Method(
        name="tshirt",
        meaning="robust S-IFD: of the highest means the lowest std",
        score="s_ifd_mean",
        decided_by="robust_scores",
        excluded=_not_robust(),
        order=TWO_STAGES,
        reason=_mean_and_std,
        through_contenders=True,
    ),
    Method(
        name="reference",
        meaning="robust S-IFD, as published",
        score="s_ifd_mean",
        decided_by="neighbour_deltas",
        excluded=_not_robust(),
        order=TWO_STAGES,
        reason=_mean_and_std,
    ),
    Method(
        name="miwv",
        meaning="MIWV, highest first",
        score="miwv",
        decided_by="miwv_scores",
        excluded=not_in("miwv_scores", absent=Exclusion.NO_SCORE),
        reason=_value("MIWV {:.4g}"),
    ),
    Method(
        name="ifd",
        meaning="IFD (perplexity ratio) below 1, highest first",
        score="ifd",
        excluded=not_below_1("ifd"),
        reason=_value("IFD {:.4g}"),
    ),
    Method(
        name="longest",
        meaning="response tokens",
        score="n_response_tokens",
        excluded=no_score(),
        reason=_value("{:.0f} response tokens"),
    ),
    Method(
        name="random",
        meaning="seeded draw",
        score=_draws,
        excluded=no_score(),
        reason=_seed,
    ),
    Method(
        name="fusion",
        meaning="fused ranks of {fuse}",
        score=_fused,
        excluded=no_score(),
        reason=_places,
    ),
)
METHODS: Final[Mapping[str, Method]] = MappingProxyType({method.name: method for method in _ALL})
"""Every method by the name that `Recipe.method` gives it."""
