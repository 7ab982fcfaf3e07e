"""Filtering, sorting and paging give what polars gives over the whole frame."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.explore.views import view_of
from tshirt_assets.explore.query import MOST_ROWS, BadQueryError, Query

NUMBERS = st.none() | st.integers(-3, 3).map(float)
ROW = st.fixed_dictionaries(
    {
        "score": NUMBERS,
        "length": st.none() | st.integers(0, 5),
        "kind": st.sampled_from([None, "code", "law"]),
        "taken": st.sampled_from([None, True, False]),
    }
)
SCHEMA = {
    "score": pl.Float32,
    "length": pl.Int32,
    "kind": pl.Categorical,
    "taken": pl.Boolean,
}
BOUNDS = st.fixed_dictionaries(
    {"column": st.sampled_from(["score", "length"]), "min": NUMBERS, "max": NUMBERS}
)
CHOSEN = st.lists(st.sampled_from([None, "code", "law", "other"]), max_size=3)
ASKED = st.fixed_dictionaries(
    {
        "between": st.lists(BOUNDS, max_size=2),
        "among": st.lists(CHOSEN.map(lambda v: {"column": "kind", "values": v}), max_size=1),
        "flags": st.lists(st.booleans().map(lambda v: {"column": "taken", "value": v}), max_size=1),
        "sort": st.sampled_from([None, "score", "length", "kind", "taken"]),
        "descending": st.booleans(),
        "start": st.integers(0, 12),
        "length": st.integers(0, 6),
    }
)


def expected(frame: pl.DataFrame, asked: dict[str, Any]) -> list[int]:
    """The places of the rows, row by row and in plain Python."""
    rows = list(enumerate(frame.iter_rows(named=True)))
    for part in asked["between"]:
        low = float("-inf") if part["min"] is None else part["min"]
        high = float("inf") if part["max"] is None else part["max"]
        column = part["column"]
        rows = [r for r in rows if r[1][column] is not None and low <= r[1][column] <= high]
    for part in asked["among"]:
        rows = [r for r in rows if r[1]["kind"] in part["values"]]
    for part in asked["flags"]:
        rows = [r for r in rows if bool(r[1]["taken"]) is part["value"]]
    if column := asked["sort"]:
        known = [r for r in rows if r[1][column] is not None]
        rest = [r for r in rows if r[1][column] is None]
        rows = sorted(known, key=lambda r: r[1][column], reverse=asked["descending"])
        if asked["descending"]:  # ties stay in stored order
            rows.sort(key=lambda r: (-rank(r[1][column]), r[0]))
        rows += rest
    return [place for place, _ in rows][asked["start"] : asked["start"] + asked["length"]]


def rank(value: Any) -> float:
    return {"code": 0, "law": 1}[value] if isinstance(value, str) else float(value)


@given(rows=st.lists(ROW, max_size=12), asked=ASKED)
def test_a_page_is_what_plain_python_makes_of_all_rows(
    rows: list[dict[str, Any]], asked: dict[str, Any]
) -> None:
    frame = pl.DataFrame(rows, schema=SCHEMA)
    query = Query.model_validate(asked)
    for _ in range(2):  # the second time from what is remembered
        places = view_of(frame).places(query)
        page = places[query.start : query.start + query.length]
        assert page.tolist() == expected(frame, asked)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"sort": "nothing"}, "there is no column 'nothing'"),
        ({"between": [{"column": "kind", "min": 1}]}, "'kind' holds no numbers"),
        ({"among": [{"column": "score", "values": ["1"]}]}, "'score' is of another kind"),
        ({"flags": [{"column": "kind", "value": True}]}, "'kind' is of another kind"),
    ],
)
def test_a_column_that_cannot_be_asked_for_is_named(asked: dict[str, Any], message: str) -> None:
    frame = pl.DataFrame([{"score": 1.0, "kind": "law"}], schema=SCHEMA)
    with pytest.raises(BadQueryError, match=message):
        view_of(frame).places(Query.model_validate(asked))


@pytest.mark.parametrize(
    "asked", [{"length": MOST_ROWS + 1}, {"start": -1}, {"order": "x"}, {"text": "x" * 1_001}]
)
def test_a_query_has_bounds(asked: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Query.model_validate(asked)


def test_what_is_found_by_meaning_comes_most_similar_first_unless_sorted() -> None:
    view = view_of(pl.DataFrame({"score": [3.0, 1.0, 2.0, 0.0]}))
    meant = np.array([2, 0, 3])
    assert view.places(Query(), meaning=meant).tolist() == [2, 0, 3]
    assert view.places(Query(sort="score"), meaning=meant).tolist() == [3, 2, 0]
    few = Query.model_validate({"between": [{"column": "score", "min": 1}]})
    assert view.places(few, meaning=meant).tolist() == [2, 0]


def test_of_rows_with_one_content_the_usable_one_opens_or_the_one_asked_for() -> None:
    frame = pl.DataFrame({"sample_id": ["a", "b", "b"], "status": ["ok", "upstream", "ok"]})
    view = view_of(frame)
    assert view.place_of("b") == 2
    assert view.place_of("b", "1") == 1
    assert view.place_of("b", "0") == 2
    assert view.place_of("b", "99") == 2
    assert view.place_of("c") is None
