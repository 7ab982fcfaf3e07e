"""How far recipes agree: rows that both select, and rank correlation of their rankings."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import polars as pl

MIN_RANKED = 3
"""Rows that both recipes must rank: a correlation of two rows is 1 or -1, whatever they are."""


@dataclass(frozen=True, slots=True)
class RecipeComparison:
    """How n recipes agree.

    sizes: rows that each selects. common (n, n): rows that both select. overlap (n, n): `overlap`
    of their selections. rank_correlation (n, n): `rank_correlation` of their rankings.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    common: np.ndarray
    overlap: np.ndarray
    rank_correlation: np.ndarray


def overlap(a: AbstractSet[str], b: AbstractSet[str]) -> float:
    """Rows in common over the rows of the smaller selection; nan if one is empty."""
    smaller = min(len(a), len(b))
    return len(a & b) / smaller if smaller else float("nan")


def rank_correlation(a: pl.DataFrame, b: pl.DataFrame) -> float:
    """Spearman's rank correlation over the rows that both rank; nan where those are below three.

    Each ranking has sample_id and position (1 = first choice; null where the row is ruled out).
    """
    a, b = a.select("sample_id", "position"), b.select("sample_id", second="position")
    if a["sample_id"].equals(b["sample_id"]):  # as of one corpus: no join of strings
        both = a.with_columns(b["second"]).drop_nulls()
    else:
        both = a.join(b, on="sample_id").drop_nulls()
    if both.height < MIN_RANKED:
        return float("nan")
    first, second = both["position"].rank().to_numpy(), both["second"].rank().to_numpy()
    return float(np.corrcoef(first, second)[0, 1])


def compare_recipes(rankings: Mapping[str, pl.DataFrame]) -> RecipeComparison:
    """Compare every pair of recipes.

    rankings: by recipe, as `rank_correlation` takes them, with the boolean `selected`.
    """
    frames = list(rankings.values())
    chosen = [set(frame.filter("selected")["sample_id"]) for frame in frames]
    n = len(frames)
    common = np.zeros((n, n), np.int64)
    shares, correlation = np.full((n, n), np.nan), np.full((n, n), np.nan)
    for i in range(n):
        for j in range(i + 1):
            common[i, j] = common[j, i] = len(chosen[i] & chosen[j])
            shares[i, j] = shares[j, i] = overlap(chosen[i], chosen[j])
            correlation[i, j] = correlation[j, i] = rank_correlation(frames[i], frames[j])
    return RecipeComparison(tuple(rankings), tuple(map(len, chosen)), common, shares, correlation)
