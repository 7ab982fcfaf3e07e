"""One short sentence per selected row: which numbers put it in."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from tshirt_assets.config import Recipe
from tshirt_assets.selection.methods import METHODS


def reasons(
    recipe: Recipe, chosen: pl.DataFrame, cuts: Mapping[str, float], budget: int, seed: int
) -> list[str]:
    """The reason of every selected row of a ranking, in the order given."""
    deciding = METHODS[recipe.method].reason
    return [
        deciding(recipe, row, cuts, seed) + _moved_up(recipe, row, budget)
        for row in chosen.iter_rows(named=True)
    ]


def _moved_up(recipe: Recipe, row: dict[str, Any], budget: int) -> str:
    """Why a row beyond the plain budget is in."""
    if row["position"] <= budget:
        return ""
    if row["domain"] in recipe.quotas:
        return f"; quota of {row['domain']}"
    return "; chosen for spread" if recipe.diversity else "; moved up"
