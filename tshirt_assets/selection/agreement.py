"""How far recipes agree: rows in common, and rank correlation of their complete rankings."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import polars as pl

from tshirt_assets.selection.recipes import Selection


def agreement(selections: Mapping[str, Selection]) -> pl.DataFrame:
    """Every pair of recipes: recipe_a, recipe_b, common, share, by_chance, spearman, n_ranked.

    common: rows selected by both. share: common over the smaller selection. by_chance: the share
    that two independent random selections of these sizes would have. spearman: rank correlation
    over the n_ranked rows that neither recipe rules out; null where there are fewer than 2.
    """
    rows = [
        {"recipe_a": a, "recipe_b": b, **_pair(selections[a], selections[b])}
        for a, b in combinations(selections, 2)
    ]
    schema = {
        "recipe_a": pl.String,
        "recipe_b": pl.String,
        "common": pl.Int64,
        "share": pl.Float64,
        "by_chance": pl.Float64,
        "spearman": pl.Float64,
        "n_ranked": pl.Int64,
    }
    return pl.DataFrame(rows, schema=schema)


def overlap(a: pl.Series, b: pl.Series) -> float:
    """Common sample_ids over the smaller number of sample_ids; nan if one side is empty."""
    smaller = min(a.n_unique(), b.n_unique())
    return len(set(a).intersection(b)) / smaller if smaller else float("nan")


def spearman(a: pl.DataFrame, b: pl.DataFrame) -> tuple[float | None, int]:
    """Rank correlation of two rankings (sample_id, position) over the rows placed in both.

    Positions are places without ties. Returns the correlation (null for fewer than 2 rows) and
    the number of rows.
    """
    both = (
        a.select("sample_id", x="position")
        .drop_nulls()
        .join(b.select("sample_id", y="position").drop_nulls(), on="sample_id")
    )
    if both.height < 2:
        return None, both.height
    ranks = both.select(pl.col("x", "y").rank()).to_numpy()  # (n, 2)
    return float(np.corrcoef(ranks.T)[0, 1]), both.height


def _pair(a: Selection, b: Selection) -> dict[str, object]:
    smaller, larger = sorted((a.frame.height, b.frame.height))
    share = overlap(a.frame["sample_id"], b.frame["sample_id"])
    correlation, n_ranked = spearman(a.ranking, b.ranking)
    return {
        "common": round(share * smaller) if smaller else 0,
        "share": share if smaller else None,
        "by_chance": larger / a.usable if smaller else None,
        "spearman": correlation,
        "n_ranked": n_ranked,
    }
