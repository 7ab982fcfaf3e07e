"""Intervals of paired differences, against scipy's bootstrap and worked by hand."""

import numpy as np
import pytest
from scipy import stats

from tshirt_assets.evidence.training.paired import paired_interval


def test_over_rows_alone_it_is_the_bootstrap_of_their_differences() -> None:
    generator = np.random.default_rng(1)
    random = generator.normal(2.0, 0.5, 80)
    own = random - 0.05 + generator.normal(0.0, 0.2, 80)
    found = paired_interval(own[None], random[None, None], draws=20_000)
    expected = stats.bootstrap(
        (own - random,), np.mean, method="percentile", n_resamples=20_000, rng=2
    ).confidence_interval
    assert found.mean == pytest.approx((own - random).mean())
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=2e-3)


def test_seeds_and_random_subsets_widen_it() -> None:
    # Rows do not differ: two seeds at 1 and 3 against randoms at 1 and 2 of either seed. Means of
    # two draws of the seeds: 1, 2, 3; of the randoms: 1, 1.5, 2; with chances 1/4, 1/2, 1/4.
    own = np.array([[1.0] * 5, [3.0] * 5])
    randoms = np.array([[[1.0] * 5] * 2, [[2.0] * 5] * 2])
    found = paired_interval(own, randoms, draws=20_000)
    assert found.mean == pytest.approx(0.5)
    assert (found.low, found.high) == pytest.approx((-1.0, 2.0))  # each with a chance of 1/16
    alone = paired_interval(own[:1], randoms[:1, :1])
    assert (alone.mean, alone.low, alone.high) == (0.0, 0.0, 0.0)


def test_what_moves_a_seed_moves_both_and_cancels() -> None:
    shift = np.array([0.0, 1.0, 5.0])[:, None]
    own = np.full((3, 4), 2.0) + shift
    randoms = np.full((2, 3, 4), 2.5) + shift
    found = paired_interval(own, randoms)
    assert (found.low, found.high) == pytest.approx((-0.5, -0.5))


@pytest.mark.parametrize(
    ("difference", "verdict"),
    [(-0.3, "better than random"), (0.3, "worse than random"), (0.0, "not better than random")],
)
def test_the_verdict_in_words(difference: float, verdict: str) -> None:
    randoms = np.random.default_rng(0).normal(2.0, 0.1, (3, 2, 50))
    own = randoms[0] + difference
    assert paired_interval(own, randoms).verdict == verdict
    assert paired_interval(own, randoms) == paired_interval(own, randoms)
