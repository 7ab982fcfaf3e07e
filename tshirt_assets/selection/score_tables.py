"""The score tables that selection works on, and what counts as a usable row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from tshirt_assets.corpus.status import Status

if TYPE_CHECKING:
    from tshirt_assets.selection.relevance import Pairings


@dataclass(frozen=True, slots=True)
class ScoreTables:
    """Scalar columns of all shards, one row per stored row; further columns are ignored.

    rows: sample_id, shard, row, status, ifd, n_response_tokens of `token_scores`, and optionally
    `domain` of `samples` (needed for quotas). robust: sample_id, status, s_ifd_mean, s_ifd_std,
    ifd_mean of `robust_scores`, and estimator where recipes name theirs. reference: the same from
    `neighbour_deltas`, with the tau of the perturbed rows, for method=reference. others: by table,
    sample_id, status and the table's columns in `scores.SCORES`; `miwv_scores`, for one. judged:
    sample_id, verdict (keep or drop), who and at of the rows that people have judged.
    pairings: what relevance is held to, for recipes with `min_relevance`.
    """

    rows: pl.DataFrame
    robust: pl.DataFrame | None = None
    reference: pl.DataFrame | None = None
    others: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    judged: pl.DataFrame | None = None
    pairings: "Pairings | None" = None

    def of(self, table: str) -> pl.DataFrame | None:
        """The scores that come from a stored table, None where they are not given."""
        own = {
            "token_scores": self.rows,
            "robust_scores": self.robust,
            "neighbour_deltas": self.reference,
        }
        return own[table] if table in own else self.others.get(table)


def status_column(table: str) -> str:
    """Name of the column that holds a row's status in a score table joined to a ranking."""
    return f"{table}_status"


def usable(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows that have a clean score (status ok), one per sample_id, sorted by sample_id.

    Budgets are shares of these rows, whatever the recipe. Of duplicates the one with the smallest
    (shard, row) stays.
    """
    order = [name for name in ("sample_id", "shard", "row") if name in rows.columns]
    return (
        rows.filter(pl.col("status") == Status.OK.value)
        .sort(order)
        .unique("sample_id", keep="first", maintain_order=True)
    )


def finite(column: str) -> pl.Expr:
    """True where the column holds a number: not null, not NaN, not infinite."""
    return pl.col(column).is_finite().fill_null(False)
