"""Short and long rows apart: the same figures for each half of a corpus."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from statistics import median_low

import polars as pl

from tshirt_assets.evidence.kinds import SourceRow
from tshirt_assets.evidence.scored import ScoredCopy


def by_length(rows: Sequence[SourceRow]) -> Mapping[str, list[SourceRow]]:
    """The rows up to the median length of question and response in characters, and the longer.

    The length is that of the row as it was: what is planted moves no row to the other half.
    """
    lengths = [len(row.question) + len(row.response) for row in rows]
    middle = median_low(lengths)
    return {
        "short": [row for row, length in zip(rows, lengths, strict=True) if length <= middle],
        "long": [row for row, length in zip(rows, lengths, strict=True) if length > middle],
    }


def only(copy: ScoredCopy, rows: Collection[SourceRow]) -> ScoredCopy:
    """A scored copy without the rows of other sources; the selections are those from all rows."""
    wanted = pl.col("source").is_in([row.sample_id for row in rows])
    frame = copy.frame.filter(wanted)
    ids = set(frame["sample_id"])
    picks = {
        rule: {
            share: [[one for one in pick if one in ids] for pick in drawn]
            for share, drawn in shares.items()
        }
        for rule, shares in copy.picks.items()
    }
    planted = replace(copy.copy, who=copy.copy.who.filter(wanted))
    return ScoredCopy(planted, frame, picks)
