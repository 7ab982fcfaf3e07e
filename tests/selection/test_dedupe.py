"""The near-duplicate filter against the double loop it stands for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.selection.frames import unit_vectors
from tshirt_assets.selection.dedupe import SimilarityFilter


@given(
    st.integers(1, 40), st.integers(0, 999), st.sampled_from([0.2, 0.6, 0.99]), st.integers(1, 7)
)
@settings(max_examples=60, deadline=None)
def test_walk_equals_double_loop(n, seed, threshold, block):
    vectors = unit_vectors(n, width=3, seed=seed)
    ids = [str(i) for i in range(n)]
    fetched: list[int] = []

    def fetch(wanted: list[str]) -> np.ndarray:
        fetched.append(len(wanted))
        return vectors[[int(i) for i in wanted]]

    near = SimilarityFilter(ids, fetch, threshold, block=block)
    taken: list[int] = []
    for i in range(n):
        if near.admits(i):
            near.add(i)
            taken.append(i)

    expected: list[int] = []
    for i in range(n):
        if all(float(vectors[i] @ vectors[j]) < threshold for j in expected):
            expected.append(i)
    assert taken == expected
    assert max(fetched) <= block
    assert len(fetched) == -(-n // block)


def test_same_vector_and_same_row_are_too_similar():
    vectors = unit_vectors(2, seed=1)[[0, 1, 0]]
    near = SimilarityFilter(["a", "b", "c"], lambda ids: vectors["abc".index(ids[0]) :], 0.999)
    near.add(0)
    assert not near.admits(0)
    assert near.admits(1)
    assert not near.admits(2)


def test_rows_may_be_asked_again():
    vectors = np.eye(4, dtype=np.float32)
    near = SimilarityFilter(list("0123"), lambda ids: vectors[[int(i) for i in ids]], 0.5, block=2)
    assert near.admits(3)
    near.add(3)
    assert [near.admits(i) for i in range(4)] == [True, True, True, False]
    with pytest.raises(IndexError):
        near.admits(4)
