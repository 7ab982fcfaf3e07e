"""One short sentence per selected row: which numbers put it in."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from tshirt_assets.config import Recipe


def reasons(
    recipe: Recipe, chosen: pl.DataFrame, cuts: Mapping[str, float], budget: int, seed: int
) -> list[str]:
    """The reason of every selected row of a ranking, in the order given."""
    return [
        _deciding(recipe, row, cuts, seed) + _moved_up(recipe, row, budget)
        for row in chosen.iter_rows(named=True)
    ]


def _deciding(recipe: Recipe, row: dict[str, Any], cuts: Mapping[str, float], seed: int) -> str:
    position, score = row["position"], row["score"]
    if recipe.method in ("tshirt", "reference"):
        mean = f"S-IFD mean {score:.4g} (rank {row['mean_rank']})"
        cut = f" within cut {cuts['s_ifd_std']:.3g}" if row["in_pool"] else ""
        return f"{mean}, std {row['s_ifd_std']:.3g}{cut}"
    if recipe.method == "fusion":
        places = (
            f"{name} rank {row[f'position_{name}']}"
            for name in recipe.fuse
            if row[f"position_{name}"] is not None
        )
        return ", ".join(places)
    if recipe.method == "longest":
        return f"{score:.0f} response tokens (rank {position})"
    if recipe.method == "random":
        return f"random draw (seed {seed if recipe.seed is None else recipe.seed})"
    return f"{recipe.method.upper()} {score:.4g} (rank {position})"


def _moved_up(recipe: Recipe, row: dict[str, Any], budget: int) -> str:
    """Why a row beyond the plain budget is in."""
    if row["position"] <= budget:
        return ""
    if row["domain"] in recipe.quotas:
        return f"; quota of {row['domain']}"
    return "; chosen for spread" if recipe.diversity else "; moved up"
