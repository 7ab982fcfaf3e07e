"""T-SHIRT's hierarchical selection (section 3.3): first by robust mean, then by robust std."""

import heapq
import math
from collections.abc import Mapping

import numpy as np
import polars as pl


def pool_rows(gamma: float, budget: int) -> int:
    """Rows kept by robust mean for a budget of b rows: gamma * b, rounded up."""
    return math.ceil(gamma * budget - 1e-9)


def hierarchical_order(
    robust: pl.DataFrame, *, budget: int, gamma: float, quotas: Mapping[str, int] | None = None
) -> pl.DataFrame:
    """Order rows the way T-SHIRT takes them; the first `budget` rows are the selection.

    robust: sample_id, s_ifd_mean, s_ifd_std of the eligible rows (mean noisy IFD below 1), and
    domain where there are `quotas` (rows per domain). The gamma * b rows of highest s_ifd_mean
    come first, by ascending s_ifd_std; then, for quotas, what is left of the gamma * quota best
    means of each domain, again by std; then the others by descending mean, so that a fusion can
    read on. Ties break by sample_id. With fewer than gamma * b rows all of them compete by std.

    Returns the rows in that order with `mean_rank` (1 = highest mean) and `in_pool` (of gamma * b).
    """
    by_mean = (
        robust.sort("s_ifd_mean", "sample_id", descending=[True, False])
        .with_row_index("mean_rank", offset=1)
        .with_columns(pl.col("mean_rank").cast(pl.Int64))
        .with_columns(in_pool=pl.col("mean_rank") <= pool_rows(gamma, budget))
    )
    in_quota = pl.lit(False)
    for domain, rows in (quotas or {}).items():
        place = pl.col("mean_rank").rank().over("domain")
        in_quota |= (pl.col("domain") == domain) & (place <= pool_rows(gamma, rows))
    tier = pl.when("in_pool").then(0).when(in_quota).then(1).otherwise(2)
    std = pl.when(tier < 2).then("s_ifd_std")  # null for the rest: in order of mean
    return by_mean.sort(tier, std, pl.when(tier < 2).then(0).otherwise("mean_rank"), "sample_id")


def keeping_budgets(robust: pl.DataFrame, *, budget: int, gamma: float, last: int) -> pl.DataFrame:
    """The smallest budget, from `budget` to `last` rows, that would select each row.

    Raising b by one admits gamma more rows to the comparison of stds and selects one row more, so
    a row's fate cannot be read off its mean or std alone; this replays the growth with two heaps,
    O(n log n). Returns sample_id and `kept_at` (null where no such budget selects the row).
    """
    by_mean = robust.sort("s_ifd_mean", "sample_id", descending=[True, False])
    by_std = by_mean.with_row_index("_i").sort("s_ifd_std", "sample_id")["_i"].to_numpy()
    std_rank = np.empty(by_mean.height, np.int64)  # (n,) in order of mean
    std_rank[by_std] = np.arange(by_mean.height)
    kept_at = np.zeros(by_mean.height, np.int64)  # by std rank; 0 = not yet
    kept: list[int] = []  # negated std ranks: the worst kept row on top
    waiting: list[int] = []  # std ranks: the best row left out on top
    admitted = 0
    for b in range(budget, last + 1):
        pool = min(pool_rows(gamma, b), by_mean.height)
        for rank in std_rank[admitted:pool].tolist():
            heapq.heappush(waiting, rank)
        admitted = pool
        while waiting and (len(kept) < b or waiting[0] < -kept[0]):
            rank = heapq.heappop(waiting)
            if len(kept) < b:
                heapq.heappush(kept, -rank)
            else:
                heapq.heappush(waiting, -heapq.heapreplace(kept, -rank))
            if not kept_at[rank]:
                kept_at[rank] = b
    return by_mean.select("sample_id").with_columns(
        kept_at=pl.Series(kept_at[std_rank]).replace(0, None)
    )
