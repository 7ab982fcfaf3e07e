import math
from dataclasses import replace

import numpy as np
import pytest

from tests.tiny import alpaca, bpe_tokenizer, causal_lm
from tshirt_assets.corpus.status import Status
from tshirt_assets.scoring.analytic import gradient_robust_scores, row_eps
from tshirt_assets.scoring.calibration import Calibration, Errors
from tshirt_assets.scoring.clean import CleanLosses, clean_scores
from tshirt_assets.scoring.hybrid import hybrid_robust_scores, token_noise_sd
from tshirt_assets.scoring.kernel.token_loss import TokenLossEngine
from tshirt_assets.scoring.robustness import neighbour_deltas, robust_score
from tshirt_assets.scoring.token_noise import TokenNoise
from tshirt_assets.scoring.tokenize import tokenize_sample

TAU = 0.1
NOISE = TokenNoise(1.0, 0.2, 0.6)
ERRORS = Errors(1.0, 0.1, 0.0, mean_error=0.01, n_rows=32)


@pytest.fixture(scope="module")
def rows():
    tokenizer, engine = bpe_tokenizer(), TokenLossEngine(causal_lm("llama"))
    samples = [
        tokenize_sample(alpaca(f"write {text[:4]}", text), tokenizer, "plain", 128)
        for text in ("the end is on", "on", "in a line on the end")
    ]
    clean = [
        CleanLosses.of(row.token_nll, row.token_delta, row.ifd)
        if row.token_nll is not None
        else None
        for row in clean_scores(engine, samples)
    ]
    neighbours = neighbour_deltas(engine, samples, neighbours=6, alpha=5.0, seed=1)
    return engine, samples, clean, neighbours


def hybrid(rows, **changes):
    return hybrid_robust_scores(
        *rows, tau=TAU, calibration=Calibration(NOISE, 0.2, replace(ERRORS, **changes)), alpha=5.0
    )


def test_token_noise_by_hand():
    # Two tokens, three draws: sums of squares 2 and 0; the predicted variances count two draws.
    deltas = np.float32([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0]])
    found = token_noise_sd(deltas, np.array([0.2, 0.1]))
    assert found == pytest.approx([math.sqrt(2.08 / 4), math.sqrt(0.02 / 4)])


def test_many_draws_outweigh_what_is_usual():
    deltas = np.random.default_rng(0).normal(0, 0.7, (20_000, 1)).astype(np.float32)
    assert token_noise_sd(deltas, 0.01) == pytest.approx([0.7], rel=0.02)


def test_the_std_is_the_analytic_one_with_the_measured_token_noise(rows):
    engine, samples, clean, neighbours = rows
    scores = hybrid(rows)
    for i in (0, 2):
        eps = row_eps(samples[i], 5.0, engine.width)
        width = token_noise_sd(neighbours[i].deltas, NOISE.sd(clean[i], eps))
        (expected,) = gradient_robust_scores(
            engine, [samples[i]], [clean[i]], tau=TAU, noise_sd=[width], alpha=5.0
        )
        assert scores[i].s_ifd_std == pytest.approx(expected.s_ifd_std, rel=1e-4)
        assert scores[i].n_neighbours == 6
        assert scores[i].ifd_mean == neighbours[i].ifd_mean


def test_the_mean_follows_the_more_precise_of_two_means(rows):
    sampled = robust_score(rows[3][0], TAU)
    trusting, doubting = hybrid(rows, mean_error=0.0)[0], hybrid(rows, mean_error=1e3)[0]
    assert doubting.s_ifd_mean == pytest.approx(sampled.s_ifd_mean, rel=1e-5)
    smooth = trusting.s_ifd_mean
    assert smooth != pytest.approx(sampled.s_ifd_mean, rel=1e-4)
    even = trusting.s_ifd_std / math.sqrt(6)  # the sampled mean's own error
    balanced = hybrid(rows, mean_error=even)[0]
    assert balanced.s_ifd_mean == pytest.approx((smooth + sampled.s_ifd_mean) / 2, rel=1e-5)
    unknown = hybrid_robust_scores(*rows, tau=TAU, calibration=Calibration(NOISE), alpha=5.0)[0]
    assert unknown.s_ifd_mean == pytest.approx(balanced.s_ifd_mean, rel=1e-5)


def test_rows_that_are_not_ok_pass_their_status_on(rows):
    scores = hybrid(rows)
    assert [score.status for score in scores] == [
        Status.OK,
        Status.RESPONSE_TOO_SHORT,
        Status.OK,
    ]
    assert scores[1].s_ifd_mean is scores[1].s_ifd_std is None
    silent = hybrid_robust_scores(*rows, tau=1e6, calibration=Calibration(NOISE), alpha=5.0)
    assert silent[0].status is Status.NO_INFORMATIVE_TOKEN
    assert silent[0].ifd_mean == rows[3][0].ifd_mean
