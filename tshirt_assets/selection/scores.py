"""The score columns of a ranking: where each comes from, and how people read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

import polars as pl


@dataclass(frozen=True, slots=True)
class Score:
    """All that is known of one score column.

    table: the score table that holds the column. label: its name beside a single row. title and
    note: heading of its distribution, and how to read it. section: the part of the report that
    shows the distribution (None: no part). threshold: a value that divides good from bad, named
    by threshold_label. log: whether the axis is logarithmic.
    """

    column: str
    table: str
    label: str
    title: str
    note: str
    dtype: type[pl.DataType] = pl.Float64
    section: Literal["scores", "drift"] | None = "scores"
    threshold: float | None = None
    threshold_label: str = ""
    log: bool = False


_ALL = (
    Score(
        "ifd",
        "token_scores",
        "IFD",
        "IFD",
        "Perplexity of the response with the instruction over that without it. Below 1 the "
        "instruction helps; closer to 1 is harder to follow, and preferred.",
        threshold=1.0,
        threshold_label="helps | hurts",
    ),
    Score(
        "n_response_tokens",
        "token_scores",
        "response tokens",
        "Response tokens",
        "Length of the scored response.",
        dtype=pl.Int64,
        section="drift",
        log=True,
    ),
    Score(
        "s_ifd_mean",
        "robust_scores",
        "S-IFD mean",
        "S-IFD, robust mean",
        "IFD over informative tokens only, averaged over noise on the embeddings. Higher is "
        "preferred.",
    ),
    Score(
        "s_ifd_std",
        "robust_scores",
        "S-IFD std",
        "S-IFD, robust std",
        "How much the noise moves the score. Lower is more trustworthy, and preferred.",
    ),
    Score(
        "ifd_mean",
        "robust_scores",
        "IFD mean",
        "IFD, robust mean",
        "IFD averaged over noise on the embeddings. Rows at 1 or above are ruled out.",
        section=None,
    ),
    Score(
        "miwv",
        "miwv_scores",
        "MIWV",
        "MIWV",
        "Loss with a similar solved example in front, minus loss without. Higher: the example "
        "does not help, the model has something to learn.",
        threshold=0.0,
    ),
    Score(
        "relevance",
        "relevance",
        "relevance",
        "Relevance",
        "Cosine of the embeddings of instruction and response. Low: the response may belong to "
        "another instruction.",
    ),
)
SCORES: Final[Mapping[str, Score]] = MappingProxyType({score.column: score for score in _ALL})
"""Every score by its column, in the order of the columns of a ranking."""

OTHERS: Final = tuple(
    dict.fromkeys(
        score.table
        for score in SCORES.values()
        if score.table not in ("token_scores", "robust_scores")
    )
)
"""The tables that hold scores beside the clean and the robust ones."""


def in_section(section: str) -> tuple[Score, ...]:
    """The scores whose distribution a part of the report shows."""
    return tuple(score for score in SCORES.values() if score.section == section)


def columns_of(table: str) -> list[str]:
    """The score columns that a table holds."""
    return [score.column for score in SCORES.values() if score.table == table]
