import datetime
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tshirt_assets.corpus.draft import Draft, json_text, well_formed
from tshirt_assets.corpus.records import Undecodable
from tshirt_assets.corpus.status import Status


@given(st.text())
def test_text_that_utf8_can_hold_is_kept_exactly(text: str) -> None:
    draft = Draft()
    assert draft.text(text, "output") == text
    assert draft.text(text.encode(), "output") == text
    assert draft.status is Status.OK


@given(st.text(alphabet=st.characters() | st.characters(categories=["Cs"])))
def test_well_formed_text_fits_utf8(text: str) -> None:
    assert len(well_formed(text).encode("utf-8")) >= 0
    repeated = well_formed(well_formed(text))
    assert repeated == well_formed(text)


def test_only_the_lone_surrogates_are_replaced() -> None:
    draft = Draft()
    assert draft.text("a\ud800b\udcff😀", "output") == "a\ufffdb\ufffd😀"
    assert draft.status is Status.NOT_TEXT
    assert draft.text(b"ok \xff", "output") == "ok \ufffd"


@pytest.mark.parametrize(
    ("value", "text", "detail"),
    [
        (5, "5", "output is a number"),
        (0.5, "0.5", "output is a number"),
        (float("inf"), "null", "output is a number"),
        (True, "true", "output is true or false"),
        (["a"], '["a"]', "output is a list"),
        ({"é": 1}, '{"é": 1}', "output is an object"),
        (datetime.date(2024, 2, 29), '"2024-02-29"', "output is a date"),
    ],
)
def test_other_values_are_refused_and_kept_as_text(value: object, text: str, detail: str) -> None:
    draft = Draft()
    assert draft.text(value, "output") == text
    assert (draft.status, draft.detail) == (Status.NOT_TEXT, detail)


def test_the_first_fault_is_the_status() -> None:
    draft = Draft()
    draft.text(None, "instruction")
    draft.text(3, "output")
    assert (draft.status, draft.detail) == (Status.MISSING_FIELD, "instruction is null")


def test_nan_is_a_missing_value() -> None:
    draft = Draft()
    assert draft.text(float("nan"), "output") == ""
    assert (draft.status, draft.detail) == (Status.MISSING_FIELD, "output is null")


def test_a_value_that_cannot_be_decoded_is_refused() -> None:
    draft = Draft()
    assert draft.text(Undecodable("bad page"), "output") == ""
    detail = "output cannot be decoded (bad page)"
    assert (draft.status, draft.detail) == (Status.NOT_TEXT, detail)


def test_what_is_nested_too_deeply_costs_no_other_value() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    found = json.loads(json_text({"good": [float("nan"), "NaN"], "deep": deep}))
    assert found == {"good": [None, "NaN"], "deep": "cannot be written as JSON (RecursionError)"}


def test_json_text_is_json_whatever_the_values() -> None:
    value = {"nan": [float("nan"), 1.5], "inf": float("inf"), "bytes": b"x", "half": "\udcff"}
    assert json.loads(json_text(value)) == {
        "nan": [None, 1.5],
        "inf": None,
        "bytes": "b'x'",
        "half": "\ufffd",
    }
