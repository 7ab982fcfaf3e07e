import math

import numpy as np
import pytest

from tshirt_assets.scoring.clean import CleanLosses
from tshirt_assets.scoring.token_noise import FLOOR, TokenNoise, fit_token_noise


def losses(cond, uncond):
    cond, uncond = np.float32(cond), np.float32(uncond)
    return CleanLosses(cond, uncond - cond, 0.9)


def test_the_sd_of_a_token_by_hand():
    # p = 1/2 with and 1/4 without the prompt: 1 - p is 1/2 and 3/4.
    row = losses([math.log(2)], [math.log(4)])
    found = TokenNoise(base=0.3, cond=1.0, uncond=2.0).sd(row, eps=0.1)
    assert found == pytest.approx([0.1 * math.exp(0.3) * 0.5 * 0.75**2], rel=0.01)


def test_a_token_that_the_model_is_sure_of_hardly_moves():
    row = losses([0.0, 5.0], [0.0, 5.0])
    sure, surprising = TokenNoise(0.0, 0.5, 0.5).sd(row, eps=1.0)
    assert sure == pytest.approx(FLOOR)
    assert surprising == pytest.approx(1.0, rel=0.01)


def test_the_fit_finds_the_constants_behind_noisy_deltas():
    rng = np.random.default_rng(1)
    truth = TokenNoise(base=1.4, cond=0.25, uncond=0.6)
    clean = [losses(rng.exponential(1.5, 30), rng.exponential(2.5, 30)) for _ in range(60)]
    eps = rng.uniform(0.02, 0.05, len(clean))
    noisy = [
        row.deltas + truth.sd(row, scale) * rng.normal(size=(12, 30))
        for row, scale in zip(clean, eps, strict=True)
    ]
    found = fit_token_noise(clean, noisy, eps)
    assert found.base == pytest.approx(truth.base, abs=0.03)
    assert found.cond == pytest.approx(truth.cond, abs=0.03)
    assert found.uncond == pytest.approx(truth.uncond, abs=0.03)


def test_tokens_that_never_move_are_left_out():
    rng = np.random.default_rng(2)
    row = losses(rng.exponential(1.0, 50), rng.exponential(2.0, 50))
    noisy = row.deltas + 0.1 * rng.normal(size=(20, 50))
    still = losses([0.0, 1.0], [0.0, 1.0])
    alone = fit_token_noise([row], [noisy], [0.1])
    assert fit_token_noise([row, still], [noisy, np.zeros((20, 2))], [0.1, 0.1]) == alone
    with pytest.raises(ValueError, match="noise moves no token"):
        fit_token_noise([still], [np.zeros((20, 2))], [0.1])
