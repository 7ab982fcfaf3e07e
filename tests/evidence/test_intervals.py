"""Chances and shares against other code and against numbers found by hand."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest, rankdata
from sklearn.metrics import roc_auc_score

from tshirt_assets.evidence.intervals import Estimate, Marked, auc, difference, draws, share

RNG = np.random.default_rng(3)


def marked(n: int, corrupted: int, ties: bool = True) -> Marked:
    bad = np.arange(n) < corrupted
    values = RNG.normal(size=n) + 0.8 * bad
    return Marked(np.round(values, 1) if ties else values, bad, np.arange(n))


@pytest.mark.parametrize("ties", [True, False])
def test_auc_is_that_of_other_code(ties: bool) -> None:
    rows = marked(120, 35, ties)
    found = auc([rows], draws(120, 0))
    assert found.value == pytest.approx(roc_auc_score(rows.corrupted, rows.values), abs=1e-12)
    ranks = rankdata(rows.values)[rows.corrupted].sum()
    assert found.value == pytest.approx((ranks - 35 * 36 / 2) / (35 * 85), abs=1e-12)
    assert found.n == 35


def test_the_interval_of_auc_is_as_wide_as_theory_has_it() -> None:
    rows = marked(400, 140, ties=False)
    found = auc([rows], draws(400, 0))
    q1, q2 = found.value / (2 - found.value), 2 * found.value**2 / (1 + found.value)
    square = found.value**2
    variance = found.value * (1 - found.value) + 139 * (q1 - square) + 259 * (q2 - square)
    theory = 2 * 1.96 * math.sqrt(variance / (140 * 260))  # Hanley and McNeil, 1982
    assert found.low < found.value < found.high
    assert found.high - found.low == pytest.approx(theory, rel=0.15)


def test_weights_of_zero_leave_rows_out() -> None:
    rows = Marked(np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 1, 0, 1], bool), np.arange(4))
    only = np.array([[1.0, 1.0, 0.0, 0.0]], np.float32)  # 2.0, corrupted, above 1.0
    assert auc([rows], only) == Estimate(0.75, 1.0, 1.0, 2)


def test_pairs_are_those_of_one_copy() -> None:
    bad = np.array([False, True])
    low = Marked(np.array([0.0, 1.0]), bad, np.arange(2))
    high = Marked(np.array([11.0, 10.0]), bad, np.arange(2))
    assert auc([low, high], draws(2, 0)).value == 0.5


def test_nothing_corrupted_is_no_number() -> None:
    nothing = Marked(np.array([1.0, 2.0]), np.array([False, False]), np.arange(2))
    found = auc([nothing], draws(2, 0))
    assert math.isnan(found.value)
    assert found.against(0.5) == ""
    assert found.values() == [None, None, None, 0]


def test_a_share_has_wilsons_interval() -> None:
    found = share([True] * 3 + [False] * 17, range(20))
    known = binomtest(3, 20).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((known.low, known.high), abs=1e-6)
    assert found.value == 0.15
    assert found.against(0.5) == "fewer"
    assert found.against(0.3) == ""
    none = share([False] * 20, range(20))
    assert none.low == 0
    assert none.high == pytest.approx(0.161, abs=1e-3)


def test_a_row_that_is_selected_again_and_again_is_one_row() -> None:
    once = share([True, False] * 10, range(20))
    again = share([True, False] * 30, [*range(20)] * 3)
    assert (again.low, again.high) == pytest.approx((once.low, once.high), abs=1e-12)
    assert again.n == 20


def test_a_difference_is_that_of_the_shares() -> None:
    corrupted = np.array([[1, 0, 1, 0, 0, 0]])
    one, other = np.array([[1, 1, 1, 1, 0, 0]]), np.array([[0, 0, 1, 1, 1, 1]])
    found = difference(one, other, corrupted, draws(6, 0))
    assert found.value == pytest.approx(2 / 4 - 1 / 4)
    assert found.low < 0.25 < found.high
    same = difference(one, one, corrupted, draws(6, 0))
    assert (same.value, same.low, same.high) == (0, 0, 0)
