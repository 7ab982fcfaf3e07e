import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests import oracle
from tshirt_assets.scoring.sifd import (
    ifd,
    mean_losses,
    mean_losses_of_copies,
    s_ifd,
    s_ifd_rows,
    token_deltas,
)


def losses(length):
    return arrays.arrays(np.float32, length, elements=st.floats(0, 20, width=32))


def f32(*values):
    return np.array(values, dtype=np.float32)


def test_a_positive_delta_means_that_the_instruction_helps():
    with_prompt, without = f32(0.5, 3.0), f32(2.0, 1.0)
    assert token_deltas(with_prompt, without).tolist() == [1.5, -2.0]


def test_without_bos_the_first_token_has_no_delta():
    assert token_deltas(f32(9.0, 1.0, 3.0), f32(4.0, 1.0)).tolist() == [3.0, -2.0]


def test_ifd_averages_each_pass_over_its_own_tokens():
    # mean(6, 1, 2) = 3 over T tokens, mean(4, 3) = 3.5 over T-1.
    assert ifd(f32(6.0, 1.0, 2.0), f32(4.0, 3.0)) == pytest.approx(math.exp(-0.5), rel=1e-12)


def test_s_ifd_keeps_tokens_strictly_above_tau_on_either_side():
    deltas = f32(0.5, -0.5, 1.0, -3.0, 0.25)
    assert s_ifd(deltas, 0.5) == pytest.approx(math.exp(1.0), rel=1e-12)  # 1 and -3
    assert s_ifd(deltas, 1.0) == pytest.approx(math.exp(3.0), rel=1e-12)  # -3 alone
    assert s_ifd(deltas, 0.0) == pytest.approx(math.exp(1.75 / 5), rel=1e-12)


@pytest.mark.parametrize("deltas", [f32(), f32(0.0), f32(0.125, -0.125)])
def test_no_informative_token_is_not_a_score_of_one(deltas):
    assert math.isnan(s_ifd(deltas, 0.125))


def test_tau_itself_is_not_rounded_to_float32():
    delta = f32(0.1)  # 0.100000001490116...
    assert s_ifd(delta, 0.1) == pytest.approx(math.exp(-0.1), rel=1e-6)
    assert math.isnan(s_ifd(delta, float(delta[0])))


def test_means_are_taken_in_float64():
    assert s_ifd(f32(1e8, 3.0, -1e8), 0.0) == pytest.approx(math.exp(-1.0), rel=1e-12)
    assert ifd(f32(1e8, 3.0), f32(1e8, 1.0)) == pytest.approx(math.exp(1.0), rel=1e-6)


def test_ratios_beyond_the_float_range_are_infinite_and_do_not_raise():
    assert ifd(f32(2000.0), f32(0.0)) == math.inf
    assert s_ifd(f32(-2000.0), 0.0) == math.inf
    assert math.isnan(ifd(f32(np.nan), f32(1.0)))
    assert math.isnan(ifd(f32(np.inf), f32(np.inf)))


@given(st.integers(1, 40).flatmap(lambda n: st.tuples(losses(n), losses(n))))
def test_with_every_token_kept_and_equal_denominators_s_ifd_is_ifd(passes):
    cond, uncond = passes
    assert s_ifd(token_deltas(cond, uncond), -1.0) == pytest.approx(ifd(cond, uncond), rel=1e-5)


@given(losses(12), st.floats(0, 5), st.permutations(range(12)))
def test_s_ifd_does_not_depend_on_the_order_of_tokens(deltas, tau, order):
    deltas = deltas - 10
    here, there = s_ifd(deltas, tau), s_ifd(deltas[order], tau)
    assert here == pytest.approx(there, rel=1e-12, nan_ok=True)


@given(losses(9), losses(8), st.floats(0, 5))
def test_scores_are_those_of_the_plain_loops(cond, uncond, tau):
    deltas = token_deltas(cond, uncond)
    assert deltas == pytest.approx(oracle.deltas(cond.tolist(), uncond.tolist()), abs=2e-6)
    assert ifd(cond, uncond) == pytest.approx(oracle.ifd(cond.tolist(), uncond.tolist()), rel=1e-9)
    expected = oracle.s_ifd(deltas.tolist(), tau)
    if expected is None:
        assert math.isnan(s_ifd(deltas, tau))
    else:
        assert s_ifd(deltas, tau) == pytest.approx(expected, rel=1e-9)


@given(st.lists(st.lists(st.floats(-5, 5, width=32), max_size=6), max_size=6), st.floats(0, 3))
def test_many_rows_at_once_are_scored_like_each_alone(rows, tau):
    flat = np.array([delta for row in rows for delta in row], dtype=np.float32)
    scores = s_ifd_rows(flat, np.array([len(row) for row in rows], dtype=np.int64), tau)
    expected = [oracle.s_ifd(row, tau) for row in rows]
    assert scores == pytest.approx(
        [math.nan if value is None else value for value in expected], rel=1e-9, nan_ok=True
    )


@pytest.mark.parametrize("length", [2, 9, 333, 9000])
def test_losses_of_copies_have_the_means_of_each_to_the_last_bit(length):
    draw = np.random.default_rng(0)
    cond, uncond = (draw.gamma(2.0, 1.0, (7, n)).astype(np.float32) for n in (length, length - 1))
    cond[3, 1] = np.nan
    apart = mean_losses(list(zip(cond, uncond, strict=True)))
    for one, other in zip(apart, mean_losses_of_copies(cond, uncond), strict=True):
        assert np.array_equal(one, other, equal_nan=True)
