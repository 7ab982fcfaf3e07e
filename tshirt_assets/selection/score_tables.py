"""The score tables that selection works on, and what counts as a usable row."""

from dataclasses import dataclass

import polars as pl

from tshirt_assets.corpus.status import Status


@dataclass(frozen=True, slots=True)
class ScoreTables:
    """Scalar columns of all shards, one row per stored row; further columns are ignored.

    rows: sample_id, shard, row, status, ifd, n_response_tokens of `token_scores`, and optionally
    `domain` of `samples` (needed for quotas). robust: sample_id, status, s_ifd_mean, s_ifd_std,
    ifd_mean of `robust_scores`, and estimator where recipes name theirs. reference: the same from
    `neighbour_deltas`, with the tau of the perturbed rows, for method=reference. miwv: sample_id,
    status, miwv of `miwv_scores`.
    """

    rows: pl.DataFrame
    robust: pl.DataFrame | None = None
    reference: pl.DataFrame | None = None
    miwv: pl.DataFrame | None = None

    def of(self, table: str) -> pl.DataFrame | None:
        """The scores that come from a stored table, None where they are not given."""
        return {
            "token_scores": self.rows,
            "robust_scores": self.robust,
            "neighbour_deltas": self.reference,
            "miwv_scores": self.miwv,
        }[table]


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
