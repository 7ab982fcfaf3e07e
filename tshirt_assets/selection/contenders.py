"""Rows that can still be selected by robust score, found without perturbing any row.

The clean S-IFD ranks like the mean over perturbed copies (Spearman 0.99, DESIGN.md section 2), so
only the rows near the top of the clean ranking need the 30 noisy passes.
"""

import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import polars as pl

from tshirt_assets.config import Recipe
from tshirt_assets.corpus.status import Status
from tshirt_assets.selection.methods import METHODS
from tshirt_assets.selection.score_tables import finite, usable

IFD_SLACK = 0.05
"""How far above 1 a clean IFD may lie while its noisy mean can still be below 1.

In the official reference values, over rows of at least 20 response tokens, the noisy mean is within
2.6 % of the clean IFD, and the noise of a single copy falls towards IFD = 1; 5 % is twice the
largest shift seen.
"""

SPARE_ROWS = 16
"""Added to every recipe's number: a row off by a few places matters where the pool has only a few.

Of 1,000 real rows a margin of 1.5 alone kept all of the selection at budgets of 2 to 10 %, but only
80 % of it at 1 % (10 rows).
"""


def contenders(
    clean: pl.DataFrame,
    recipes: Iterable[Recipe],
    *,
    margin: float,
    floors: Mapping[float, float] = MappingProxyType({}),
) -> pl.DataFrame:
    """The contenders of all recipes that select through contenders, together, best first.

    clean: sample_id, status (of `token_scores`, or no_informative_token), ifd, s_ifd (clean, with
    the dataset's tau) of every row, `domain` if a recipe has quotas, and `relevance` with `floors`:
    what it must exceed, by the `min_relevance` of recipes (they count no others). Each takes the
    `margin * gamma * b + SPARE_ROWS` rows of highest S-IFD with IFD below 1, and as many times each
    quota's share within its domain; rows with an IFD between 1 and 1 + IFD_SLACK join where their
    S-IFD reaches that cut, without using up the number. Ties break by sample_id. Larger margins and
    budgets only add rows.

    Returns the columns of `clean` plus `rank` (1 = highest S-IFD among rows with IFD below
    1 + IFD_SLACK), one row per sample_id.
    """
    # A row without informative tokens at this tau is as usable as for every other recipe.
    counts = pl.col("status").is_in([Status.OK.value, Status.NO_INFORMATIVE_TOKEN.value])
    n_usable = clean.filter(counts)["sample_id"].n_unique()
    ranked = (
        usable(clean)
        .filter(finite("s_ifd"), finite("ifd"), pl.col("ifd") < 1.0 + IFD_SLACK)
        .sort("s_ifd", "sample_id", descending=[True, False])
        .with_row_index("rank", offset=1)
        .with_columns(pl.col("rank").cast(pl.Int64), _below_1=pl.col("ifd") < 1.0)
    )
    wanted: dict[tuple[float | None, str | None], int] = {}
    for recipe in recipes:
        if not METHODS[recipe.method].through_contenders:
            continue
        pool = recipe.diversity.pool if recipe.diversity else 1.0
        depth = margin * max(recipe.gamma, pool) * recipe.rows(n_usable) + SPARE_ROWS
        floor = None if recipe.min_relevance is None else floors.get(recipe.min_relevance)
        shares: list[tuple[str | None, float]] = [(None, 1.0), *recipe.quotas.items()]
        for domain, share in shares:
            rows = math.ceil(depth * share - 1e-9)
            wanted[floor, domain] = max(rows, wanted.get((floor, domain), 0))
    keep = pl.lit(False)
    for (floor, domain), rows in wanted.items():
        relevant = pl.lit(True) if floor is None else (pl.col("relevance") > floor).fill_null(False)
        counted = pl.col("_below_1") & relevant
        place = counted.cum_sum() - counted.cast(pl.UInt32)  # better rows that count
        if domain is None:
            keep = keep | (relevant & (place < rows))
        elif "domain" in ranked.columns:
            in_domain = pl.col("domain") == domain
            keep = keep | (relevant & in_domain & (place.over("domain") < rows))
    return ranked.filter(keep.fill_null(False)).drop("_below_1")
