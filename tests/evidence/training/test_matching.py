"""Contestants are cut to equal rows or equal tokens, whatever they are."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tshirt_assets.evidence.training.matching import first_tokens, matched, response_tokens
from tshirt_assets.scoring.tokenize import TokenizedSample

LISTS = st.dictionaries(
    st.sampled_from("abcd"), st.lists(st.integers(1, 30), min_size=1, max_size=8), min_size=1
)


def rows(lengths: list[int]) -> list[TokenizedSample]:
    return [
        TokenizedSample(f"row{number}", np.arange(3), np.arange(length), has_bos=False)
        for number, length in enumerate(lengths)
    ]


@given(LISTS)
def test_all_have_as_many_rows_their_first_ones(lengths: dict[str, list[int]]) -> None:
    lists = {name: rows(own) for name, own in lengths.items()}
    found = matched(lists, "rows")
    fewest = min(map(len, lists.values()))
    assert found == {name: own[:fewest] for name, own in lists.items()}


@given(LISTS)
def test_all_have_exactly_as_many_tokens_of_their_first_rows(
    lengths: dict[str, list[int]],
) -> None:
    lists = {name: rows(own) for name, own in lengths.items()}
    fewest = min(map(response_tokens, lists.values()))
    for name, found in matched(lists, "tokens").items():
        assert response_tokens(found) == fewest
        assert found[:-1] == lists[name][: len(found) - 1]
        last = lists[name][len(found) - 1]
        assert found[-1].sample_id == last.sample_id
        n = len(found[-1].response_ids)
        assert n > 0
        assert np.array_equal(found[-1].response_ids, last.response_ids[:n])
        assert found[-1].truncated is (n < len(last.response_ids))


def test_a_list_with_fewer_tokens_stays_whole() -> None:
    whole = rows([3, 4])
    assert first_tokens(whole, 10) == whole
    assert first_tokens(whole, 0) == []
