"""Held-out rows: of every stratum its share, always the same ones."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tshirt_assets.evidence.evidence_error import EvidenceError
from tshirt_assets.evidence.training.held_out import hold_out, stratified

ROWS = st.lists(
    st.tuples(st.sampled_from(["code", "chat", None]), st.integers(1, 500)),
    min_size=12,
    max_size=90,
)


def frame(rows: list[tuple[str | None, int]]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "sample_id": [f"{7919 * number % 1009:04d}" for number in range(len(rows))],
            "domain": pl.Series([domain for domain, _ in rows], dtype=pl.String),
            "length": [length for _, length in rows],
        }
    )


@given(ROWS, st.integers(1, 60))
def test_every_domain_and_length_has_its_share_to_less_than_a_row(
    rows: list[tuple[str | None, int]], count: int
) -> None:
    corpus = frame(rows)
    taken = stratified(corpus, count)
    n = min(count, corpus.height)
    assert len(taken) == len(set(taken)) == n
    ordered = corpus.sort("length", "sample_id")["sample_id"].to_list()
    third = {name: 3 * place // len(ordered) for place, name in enumerate(ordered)}
    domain = dict(corpus.select("sample_id", "domain").iter_rows())
    for stratum in {(domain[i], third[i]) for i in ordered}:
        members = {i for i in ordered if (domain[i], third[i]) == stratum}
        assert abs(len(members & {*taken}) - n * len(members) / len(ordered)) < 1.0 + 1e-9


@given(ROWS, st.integers(1, 60), st.randoms())
def test_test_and_validation_are_apart_and_do_not_depend_on_the_order_of_rows(
    rows: list[tuple[str | None, int]], count: int, random: object
) -> None:
    corpus = frame(rows)
    found = hold_out(corpus, count)
    assert not {*found.test} & {*found.validation}
    assert len(found.ids) == min(count, corpus.height // 4)
    assert hold_out(corpus.reverse(), count) == found
    assert len(found.validation) == (len(found.ids) + 1) // 3


def test_twenty_rows_are_enough_eleven_are_not() -> None:
    found = hold_out(frame([("chat", n) for n in range(20)]), 60)
    assert (len(found.test), len(found.validation)) == (3, 2)
    with pytest.raises(EvidenceError, match=r"11 rows can be used; .* at least 12"):
        hold_out(frame([("chat", n) for n in range(11)]), 60)
