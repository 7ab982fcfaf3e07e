"""Expected overlap against simulated draws, and what a recipe's own errors make of it."""

import numpy as np
import pytest

from tests.selection.frames import score_tables
from tshirt_assets.config import Recipe
from tshirt_assets.scoring.calibration import Errors
from tshirt_assets.selection.recipes import select
from tshirt_assets.selection.score_tables import ScoreTables
from tshirt_assets.selection.stability import (
    WITH_ITSELF,
    WITH_TRUTH,
    expected_overlap,
    sampled_errors,
    stability,
)

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
    errors = sampled_errors(std, draws)
    expected = overlap(*errors, mean=mean, std=std)
    assert expected == pytest.approx(np.mean(observed), abs=0.05)


def test_errors_of_sampled_scores_are_those_of_normal_draws():
    values = 3 + 2 * RNG.normal(size=(20_000, 10))
    mean_error, log_error = sampled_errors(np.array([2.0]), 10)
    assert mean_error == pytest.approx([values.mean(1).std()], rel=0.03)
    assert log_error == pytest.approx(np.log(values.std(1)).std(), rel=0.03)


def test_when_everything_is_selected_everything_stays():
    assert overlap(1e6, 1e3, mean=MEAN[:20], std=STD[:20]) == 1.0


def stays(recipe, errors=None, neighbours=30):
    scores = score_tables(300)
    robust = scores.robust.with_columns(estimator=np.full(300, recipe.estimator or "sampled"))
    tables = ScoreTables(scores.rows, robust, robust, scores.others)
    selection = select(recipe, "r", tables, seed=0)
    return stability(recipe, selection, neighbours=neighbours, errors=errors)


def tshirt(estimator, budget=20):
    return Recipe(method="tshirt", budget=budget, estimator=estimator)


def test_sampled_robustness_is_compared_with_another_seed():
    meaning, share = stays(tshirt("sampled"))
    assert (meaning, 0 < share < 1) == (WITH_ITSELF, True)
    assert stays(Recipe(method="reference", budget=20)) == (meaning, share)
    assert stays(tshirt("sampled"), neighbours=8)[1] < share


def test_an_analytic_estimate_is_compared_with_the_truth():
    errors = Errors(std_scale=1.0, std_error=0.2, mean_shift=0.0, mean_error=0.02, n_rows=32)
    meaning, share = stays(tshirt("analytic"), errors)
    assert (meaning, 0 < share < 1) == (WITH_TRUTH, True)
    # The mean of a hybrid is at least as good as either of the two it is made of.
    assert stays(tshirt("hybrid"), errors)[1] >= share


@pytest.mark.parametrize(
    "recipe",
    [tshirt("analytic"), tshirt("hybrid"), Recipe(method="miwv", budget=5)],
    ids=["no errors known", "no errors known of a hybrid", "not by robustness"],
)
def test_where_nothing_can_be_said(recipe):
    assert stays(recipe) is None
