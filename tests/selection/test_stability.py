import numpy as np
import pytest

from tshirt_assets.selection.stability import expected_overlap, sampled_errors

RNG = np.random.default_rng(0)
MEAN = RNG.uniform(0.5, 1.0, 400)
STD = np.exp(RNG.normal(-3, 0.4, 400))


def overlap(mean_error, log_std_error, mean=MEAN, std=STD, budget=20, both=True):
    return expected_overlap(
        mean, std, mean_error, log_std_error, budget=budget, pool=2 * budget, both=both
    )


def test_a_selection_without_errors_stays():
    assert overlap(0.0, 0.0) == 1.0
    assert overlap(0.0, 0.0, both=False) == 1.0


def test_a_selection_by_pure_noise_overlaps_by_chance():
    # Two random halves of the pool when only the stds are noise; b of n rows when all is.
    assert overlap(0.0, 1e3) == pytest.approx(0.5, abs=0.06)
    assert overlap(1e6, 1e3) == pytest.approx(20 / 400, abs=0.03)


def test_larger_errors_keep_less_and_one_sided_errors_keep_more():
    shares = [overlap(0.01 * k, 0.13 * k) for k in (0.5, 1, 2, 4)]
    assert shares == sorted(shares, reverse=True)
    assert overlap(0.01, 0.13, both=False) > overlap(0.01, 0.13)


def test_the_expected_overlap_is_that_of_real_draws():
    mean, std, draws = MEAN[:200], STD[:200], 30
    observed = []
    for _ in range(60):
        chosen = []
        for _ in range(2):
            values = mean[:, None] + std[:, None] * RNG.normal(size=(200, draws))
            best = np.argsort(-values.mean(1))[:40]
            chosen.append(set(best[np.argsort(values[best].std(1))[:20]]))
        observed.append(len(chosen[0] & chosen[1]) / 20)
    errors = sampled_errors(std, np.full(200, draws))
    expected = overlap(*errors, mean=mean, std=std)
    assert expected == pytest.approx(np.mean(observed), abs=0.05)


def test_errors_of_sampled_scores_are_those_of_normal_draws():
    values = 3 + 2 * RNG.normal(size=(20_000, 10))
    mean_error, log_error = sampled_errors(np.array([2.0]), np.array([10]))
    assert mean_error == pytest.approx([values.mean(1).std()], rel=0.03)
    assert log_error == pytest.approx([np.log(values.std(1)).std()], rel=0.03)


def test_when_everything_is_selected_everything_stays():
    assert overlap(1e6, 1e3, mean=MEAN[:20], std=STD[:20]) == 1.0
