"""Why a row is not selected, and the expressions that rule rows out of a ranking."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import polars as pl

from tshirt_assets.corpus.status import Status
from tshirt_assets.selection.score_tables import finite, status_column
from tshirt_assets.selection.scores import columns_of


class Exclusion(StrEnum):
    """Why a row was not selected, beside the statuses of `Status`."""

    DUPLICATE = "duplicate"
    LOW_RELEVANCE = "low_relevance"
    IFD = "ifd >= 1"
    NOT_A_CONTENDER = "not a contender"
    NO_SCORE = "no score"
    OVER_BUDGET = "over budget"
    QUOTA = "quota"
    TOO_SIMILAR = "too similar"
    NOT_SPREAD = "not spread"
    JUDGED_DROP = "judged_drop"


EXPLANATIONS: Final[Mapping[Exclusion, str]] = {
    Exclusion.DUPLICATE: "The same content is already in the corpus.",
    Exclusion.LOW_RELEVANCE: "Its response fits the instruction hardly better than those of other "
    "rows do (min_relevance).",
    Exclusion.IFD: "The instruction makes the response less likely, so it may not fit it.",
    Exclusion.NOT_A_CONTENDER: "Its clean S-IFD is too low to reach the selection; it was not "
    "perturbed.",
    Exclusion.NO_SCORE: "The score that this recipe ranks by is missing.",
    Exclusion.OVER_BUDGET: "Ranked, but behind the rows that fill the budget.",
    Exclusion.QUOTA: "The seats of its domain, or the free ones, were taken.",
    Exclusion.TOO_SIMILAR: "Its embedding is close to that of a row selected before it.",
    Exclusion.NOT_SPREAD: "The diversity step chose other rows of the candidates.",
    Exclusion.JUDGED_DROP: "Somebody has read it and dropped it.",
}
"""What each exclusion says of a row, for people."""


def no_score() -> pl.Expr:
    """Rules out the rows without a `score`."""
    return _where(~finite("score"), Exclusion.NO_SCORE)


def not_in(table: str, absent: Exclusion) -> pl.Expr:
    """Rules out the rows that a score table has no numbers for.

    The reason is `absent` for a row that the table lacks, and otherwise the row's status there.
    """
    status = pl.col(status_column(table))
    return pl.coalesce(
        _where(status.is_null(), absent),
        pl.when(status != Status.OK.value).then(status),
        _no_number(*columns_of(table)),
    )


def not_relevant(floor: float) -> pl.Expr:
    """Rules out the rows whose relevance does not exceed `floor`, and those that have none."""
    low = _where(pl.col("relevance") <= floor, Exclusion.LOW_RELEVANCE)
    return pl.coalesce(not_in("relevance", absent=Exclusion.NO_SCORE), low)


def not_below_1(ifd: str) -> pl.Expr:
    """Rules out the rows whose IFD, in the column `ifd`, is 1 or above, or no number."""
    return pl.coalesce(_no_number(ifd), _where(pl.col(ifd) >= 1.0, Exclusion.IFD))


def _where(condition: pl.Expr, reason: StrEnum) -> pl.Expr:
    """The reason where the condition holds, else null."""
    return pl.when(condition).then(pl.lit(reason.value))


def _no_number(*columns: str) -> pl.Expr:
    """A score of an ok row that is no number must not reach a sort."""
    numbers = pl.all_horizontal(finite(column) for column in columns)
    return _where(~numbers, Status.NON_FINITE_LOSS)
