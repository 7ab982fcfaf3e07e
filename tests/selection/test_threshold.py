"""The exact quantile against numpy, the histogram against its promised error."""

from functools import reduce

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tshirt_assets.selection.threshold import AbsDeltaHistogram, exact_quantile, threshold

deltas = arrays(
    np.float32,
    st.integers(1, 60),
    elements=st.one_of(
        st.floats(-3, 3, width=32),
        st.sampled_from(
            [0.0, -0.0, 0.5, -0.5, 1e-42, 3e38, float(np.nextafter(np.float32(0.5), 1))]
        ),
    ),
)


def oracle(values: np.ndarray, q: float) -> float:
    return float(np.quantile(np.abs(values).astype(np.float64), q, method="linear"))


@given(deltas, st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])), st.data())
@settings(max_examples=60, deadline=None)
def test_equals_numpy_however_the_values_are_cut(values, q, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=3)))
    parts = np.split(values, cuts)
    assert exact_quantile(lambda: iter(parts), q) == oracle(values, q)


def test_equals_numpy_on_many_values_with_a_stored_histogram():
    values = np.random.default_rng(3).laplace(0, 0.4, (40, 5000)).astype(np.float32)
    stored = reduce(lambda a, b: a + b, map(AbsDeltaHistogram.of, values))
    for keep in (0.5, 0.75, 0.9):
        found = threshold(lambda: iter(values), keep, histogram=stored)
        assert found == oracle(values, 1 - keep)
        assert stored.quantile(1 - keep) == pytest.approx(found, rel=2**-7)
    assert stored.total == values.size


def test_hand_computed():
    # abs: 1 2 3 4; the 0.25 quantile lies at place 0.75 of 0..3
    assert threshold(lambda: [np.array([-4.0, 1.0]), np.array([3.0, -2.0])], 0.75) == 1.75


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_raise(bad):
    with pytest.raises(ValueError, match="not finite"):
        exact_quantile(lambda: [np.array([1.0, bad], np.float32)], 0.5)


def test_nothing_to_take_a_quantile_of():
    with pytest.raises(ValueError, match="no token deltas"):
        exact_quantile(lambda: [], 0.5)
    with pytest.raises(ValueError, match="no token deltas"):
        AbsDeltaHistogram().quantile(0.5)


def test_a_histogram_of_other_values_is_noticed():
    with pytest.raises(ValueError, match="changed between"):
        exact_quantile(
            lambda: [np.array([1.0, 2.0])],
            0.5,
            histogram=AbsDeltaHistogram.of(np.array([9.0, 9.5])),
        )


def test_keep_fraction_out_of_range():
    with pytest.raises(ValueError, match="keep_fraction"):
        threshold(lambda: [np.ones(2)], 0.0)
