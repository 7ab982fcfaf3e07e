"""What the page asks for, and which rows that is."""

from typing import Annotated, Final

import numpy as np
import polars as pl
from pydantic import BaseModel, ConfigDict, Field

MOST_ROWS: Final = 500  # of an answer


class BadQueryError(ValueError):
    """A query that names what is not there."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Between(_Part):
    """Rows whose number in `column` is in [min, max]; without a bound it is open on that side."""

    column: str
    min: float | None = None
    max: float | None = None


class Among(_Part):
    """Rows whose text in `column` is one of `values`; null stands for none."""

    column: str
    values: tuple[str | None, ...]


class Flag(_Part):
    """Rows where `column` is `value`."""

    column: str
    value: bool


class Filter(_Part):
    """All of the conditions together, and the texts searched for: `text` by its letters, `meaning`
    by the similarity of embeddings.
    """

    between: tuple[Between, ...] = ()
    among: tuple[Among, ...] = ()
    flags: tuple[Flag, ...] = ()
    text: Annotated[str, Field(max_length=1_000)] = ""
    meaning: Annotated[str, Field(max_length=1_000)] = ""


class Query(Filter):
    """A page of the rows of a filter, in an order: `length` of them from `start` on (0-based).

    sort: a column; rows without a value come last, ties stay in stored order. Without one that is
    the order of all, or of a search by meaning the most similar first.
    """

    sort: str | None = None
    descending: bool = False
    start: Annotated[int, Field(ge=0)] = 0
    length: Annotated[int, Field(ge=0, le=MOST_ROWS)] = 100

    @property
    def filter(self) -> Filter:
        """The filter alone."""
        return Filter.model_validate(self.model_dump(include=set(Filter.model_fields)))


def matching(frame: pl.DataFrame, asked: Filter) -> np.ndarray:
    """A mask (n,) of the rows that meet the conditions; texts are left to the searches.

    Raises `BadQueryError` for a column that is not there, or holds something else.
    """
    parts = [_between(frame, part) for part in asked.between]
    parts += [_among(frame, part) for part in asked.among]
    parts += [
        _column(frame, part.column, pl.Boolean).fill_null(False) == part.value
        for part in asked.flags
    ]
    if not parts:
        return np.ones(frame.height, bool)
    return frame.select(met=pl.all_horizontal(parts))["met"].to_numpy()


def sorted_places(frame: pl.DataFrame, column: str, *, descending: bool) -> np.ndarray:
    """All rows (n,) in the order of a column; see `Query`."""
    _known(frame, column)
    order = pl.arg_sort_by(column, descending=descending, nulls_last=True, maintain_order=True)
    return frame.select(order).to_series().to_numpy()


def _between(frame: pl.DataFrame, part: Between) -> pl.Expr:
    dtype = _known(frame, part.column)
    if not dtype.is_numeric():
        raise BadQueryError(f"column {part.column!r} holds no numbers")
    column = pl.col(part.column).cast(pl.Float64)
    low = column >= part.min if part.min is not None else column.is_not_null()
    high = column <= part.max if part.max is not None else column.is_not_null()
    return (low & high).fill_null(False)


def _among(frame: pl.DataFrame, part: Among) -> pl.Expr:
    column = _column(frame, part.column, pl.Categorical, pl.String)
    known = [value for value in part.values if value is not None]
    values = pl.Series(known, dtype=frame.schema[part.column])  # compared without making texts
    found = column.is_in(values.implode())
    return found.fill_null(None in part.values)


def _column(frame: pl.DataFrame, name: str, *kinds: type[pl.DataType]) -> pl.Expr:
    dtype = _known(frame, name)
    if not isinstance(dtype, kinds):
        raise BadQueryError(f"column {name!r} is of another kind ({dtype})")
    return pl.col(name)


def _known(frame: pl.DataFrame, name: str) -> pl.DataType:
    if name not in frame.columns:
        raise BadQueryError(f"there is no column {name!r}")
    return frame.schema[name]
