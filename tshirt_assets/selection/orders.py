"""The two ways of ordering a recipe's eligible rows: by score, or in T-SHIRT's two stages."""

from typing import Any, Protocol

import polars as pl

from tshirt_assets.config import Recipe
from tshirt_assets.selection.hierarchical import hierarchical_order, keeping_budgets, pool_rows
from tshirt_assets.selection.quotas import quota_rows


class Order(Protocol):
    """How a recipe orders the rows it does not rule out, and what follows from that."""

    def sort(self, recipe: Recipe, eligible: pl.DataFrame, budget: int) -> pl.DataFrame:
        """The eligible rows, which are sorted by sample_id, first choice first; ties stay so."""

    def kept_at(
        self, recipe: Recipe, eligible: pl.DataFrame, budget: int, *, complete: bool
    ) -> pl.DataFrame:
        """sample_id and `kept_at`, the smallest budget from `budget` on that keeps the row.

        Null where it is not known. complete: no row is missing because nobody measured it.
        """

    def cuts(self, eligible: pl.DataFrame, chosen: pl.DataFrame) -> dict[str, float]:
        """Where the selection ends, by score; `chosen` holds at least one row."""

    def notes(self, recipe: Recipe, n_eligible: int, budget: int) -> list[str]:
        """What the user should know of the order."""


class HighestFirst:
    """By descending score."""

    def sort(self, recipe: Recipe, eligible: pl.DataFrame, budget: int) -> pl.DataFrame:
        """The highest score comes first."""
        return eligible.sort("score", descending=True, maintain_order=True)

    def kept_at(
        self, recipe: Recipe, eligible: pl.DataFrame, budget: int, *, complete: bool
    ) -> pl.DataFrame:
        """A row's position is the budget that keeps it."""
        return eligible.select("sample_id", kept_at=pl.col("position").clip(lower_bound=budget))

    def cuts(self, eligible: pl.DataFrame, chosen: pl.DataFrame) -> dict[str, float]:
        """The lowest score selected."""
        return _numbers(score=chosen["score"].min())

    def notes(self, recipe: Recipe, n_eligible: int, budget: int) -> list[str]:
        """Nothing."""
        return []


class TwoStages:
    """T-SHIRT: the gamma * b rows of highest robust mean, and of those the b of lowest std.

    Sorted rows have the columns `mean_rank` and `in_pool` of `hierarchical_order`, too.
    """

    def sort(self, recipe: Recipe, eligible: pl.DataFrame, budget: int) -> pl.DataFrame:
        """The pool by ascending std, then the quotas' pools, then the rest by mean."""
        quotas = {name: quota_rows(share, budget) for name, share in recipe.quotas.items()}
        return hierarchical_order(eligible, budget=budget, gamma=recipe.gamma, quotas=quotas)

    def kept_at(
        self, recipe: Recipe, eligible: pl.DataFrame, budget: int, *, complete: bool
    ) -> pl.DataFrame:
        """Known while the pool of a larger budget holds only rows that were measured."""
        n = eligible.height
        last = n if complete else max(budget, int(n / recipe.gamma))
        return keeping_budgets(eligible, budget=budget, gamma=recipe.gamma, last=last)

    def cuts(self, eligible: pl.DataFrame, chosen: pl.DataFrame) -> dict[str, float]:
        """The lowest mean of the pool, and the highest std selected from it."""
        return _numbers(
            s_ifd_mean=eligible.filter("in_pool")["s_ifd_mean"].min(),
            s_ifd_std=chosen.filter("in_pool")["s_ifd_std"].max(),
        )

    def notes(self, recipe: Recipe, n_eligible: int, budget: int) -> list[str]:
        """Says when the rows do not fill the pool."""
        wanted = pool_rows(recipe.gamma, budget)
        if n_eligible >= wanted:
            return []
        return [
            f"only {n_eligible} rows are eligible for the {wanted} (gamma * budget) that compete "
            "by std; all of them competed"
        ]


HIGHEST_FIRST = HighestFirst()
TWO_STAGES = TwoStages()


def _numbers(**cuts: Any) -> dict[str, float]:
    """The cuts that exist: there is none in a column without rows."""
    return {name: float(cut) for name, cut in cuts.items() if cut is not None}
