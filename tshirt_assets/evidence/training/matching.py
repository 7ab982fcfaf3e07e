"""Contestants made equal, in rows or in response tokens, so that none wins by training longer."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypeVar

if TYPE_CHECKING:
    from tshirt_assets.scoring.tokenize import TokenizedSample

Matching = Literal["rows", "tokens"]
"""What all contestants have equally many of."""

Name = TypeVar("Name")


def response_tokens(rows: "Sequence[TokenizedSample]") -> int:
    """Tokens that are trained on in one pass over these rows."""
    return sum(len(row.response_ids) for row in rows)


def matched(
    lists: "Mapping[Name, Sequence[TokenizedSample]]", by: Matching
) -> "dict[Name, list[TokenizedSample]]":
    """Every list, in order of its ranks, cut to what the shortest one has of rows or tokens."""
    if by == "rows":
        fewest = min(map(len, lists.values()), default=0)
        return {name: list(rows[:fewest]) for name, rows in lists.items()}
    fewest = min(map(response_tokens, lists.values()), default=0)
    return {name: first_tokens(rows, fewest) for name, rows in lists.items()}


def first_tokens(rows: "Sequence[TokenizedSample]", tokens: int) -> "list[TokenizedSample]":
    """The first rows that have this many response tokens together; the last response is cut.

    Fewer where all rows together have fewer.
    """
    taken: list[TokenizedSample] = []
    left = tokens
    for row in rows:
        if left <= 0:
            break
        if len(row.response_ids) > left:
            row = replace(row, response_ids=row.response_ids[:left], truncated=True)
        taken.append(row)
        left -= len(row.response_ids)
    return taken
