"""Rough products find the same neighbours as exact ones, to the last bit."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.selection.frames import unit_vectors
from tests.selection.nearest.test_find import blocks_of, corpora, double_loop
from tshirt_assets.selection.nearest import find, half, nearest, tiles
from tshirt_assets.selection.nearest.backend import Backend
from tshirt_assets.selection.nearest.half import HalfBackend

ROUGH = HalfBackend(np, 4)


def search(vectors: np.ndarray, backend: Backend, monkeypatch: pytest.MonkeyPatch):
    ids = np.array([f"{i:032x}" for i in range(len(vectors))])
    monkeypatch.setattr(find, "backend_on", lambda device: backend)
    return nearest(lambda: iter([(ids, vectors)])).frame


@given(corpora, st.integers(1, 9), st.sampled_from([1, 100, 1 << 30]))
@settings(max_examples=60, deadline=None)
def test_equals_a_double_loop(members, size, memory):
    """Among them equal and nearly equal vectors, and few enough that all cosines are negative."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(find, "backend_on", lambda device: ROUGH)
        found = nearest(blocks_of(members, size), memory=memory)
    assert_frame_equal(found.frame, double_loop(members), check_exact=True)


@given(
    st.integers(2, 60), st.sampled_from([2, 8, 64]), st.sampled_from([0.0, 1.0, 30.0]), st.data()
)
@settings(max_examples=60, deadline=None)
def test_equals_products_in_float32(n, width, offset, data):
    """Vectors from far apart to all within the error of a rough product."""
    draw = np.random.default_rng(data.draw(st.integers(0, 1000)))
    vectors = draw.standard_normal((n, width)).astype(np.float32)
    vectors[:, 0] += offset
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles, "MOST_PAIRS", data.draw(st.sampled_from([0, 5, 1 << 30])))
        exact = search(vectors, Backend(np, 16), patch)
        assert_frame_equal(search(vectors, HalfBackend(np, 16), patch), exact, check_exact=True)


def test_no_product_is_further_off_than_its_error():
    one, other = unit_vectors(300, width=384, seed=1), unit_vectors(300, width=384, seed=2)
    other[0], other[1] = one[0], -one[1]
    exact = one.astype(np.float64) @ other.astype(np.float64).T
    product = ROUGH.product(ROUGH.load(one), ROUGH.load(other))
    rows, columns = ROUGH.greatest(product)
    assert np.abs(rows - exact.max(axis=1)).max() <= ROUGH.error(384)
    assert np.abs(columns - exact.max(axis=0)).max() <= ROUGH.error(384)


def test_places_that_reach_a_limit_are_those_of_the_numbers():
    values = np.array([[-0.5, 0.25, 0.03], [-0.01, -0.75, 0.0]], np.float32)
    product = torch.from_numpy(values).bfloat16().view(torch.int16).numpy()
    rows, columns = ROUGH.greatest(product)
    assert rows == pytest.approx([0.25, 0.0])
    assert columns == pytest.approx([-0.01, 0.25, 0.03], abs=1e-3)
    by_row, by_column = np.array([0.02, -0.02], np.float32), np.array([9, 9, 9], np.float32)
    assert ROUGH.reaching(product, by_row, by_column).tolist() == [1, 2, 3, 5]
    none = np.array([np.inf, np.inf], np.float32)
    assert ROUGH.reaching(product, none, np.array([-0.6, 0.2, 9], np.float32)).tolist() == [0, 1, 3]


def test_they_are_taken_where_they_are_much_faster_and_sum_in_float32(monkeypatch):
    slow, fast = Backend(np, 4), HalfBackend(np, 4)
    seconds = {slow: 1.0, fast: 0.1}
    monkeypatch.setattr(half, "_seconds", seconds.__getitem__)
    assert half.faster(slow, half.WORTH_FROM) == fast
    assert half.faster(slow, half.WORTH_FROM - 1) is slow
    on_torch = Backend(torch, 4, torch.device("cpu"))
    assert half.faster(on_torch, half.WORTH_FROM) is on_torch
    seconds[fast] = 0.3  # as one thread of a processor with AMX, or two of them on a bad day
    assert half.faster(slow, half.WORTH_FROM) == fast
    seconds[fast] = 0.6
    assert half.faster(slow, half.WORTH_FROM) is slow
    seconds[fast] = 0.1
    monkeypatch.setattr(half, "_sums_in_float32", lambda _: False)
    assert half.faster(slow, half.WORTH_FROM) is slow


def test_sums_of_rounded_terms_are_noticed(monkeypatch):
    assert half._sums_in_float32(ROUGH)
    lost = torch.ones(half.TRIAL[0], half.TRIAL[0]).bfloat16().view(torch.int16).numpy()
    monkeypatch.setattr(HalfBackend, "product", lambda *_: lost)
    assert not half._sums_in_float32(ROUGH)
