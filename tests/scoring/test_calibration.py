import numpy as np
import pytest

from tests.tiny import alpaca, bpe_tokenizer, causal_lm
from tshirt_assets.corpus.status import Status
from tshirt_assets.scoring.calibration import (
    NOISE_SDS,
    Calibration,
    calibrate,
    compare,
    fit_noise_sd,
    pilot_ids,
)
from tshirt_assets.scoring.clean import clean_scores
from tshirt_assets.scoring.robustness import NeighbourDeltas, RobustScore, neighbour_deltas
from tshirt_assets.scoring.token_loss import TokenLossEngine
from tshirt_assets.scoring.tokenize import tokenize_sample

TAU = 0.5


def score(mean, std, n=16, status=Status.OK):
    return RobustScore("id", status, None, s_ifd_mean=mean, s_ifd_std=std, n_neighbours=n)


def test_the_pilot_is_a_sample_that_order_and_repetition_do_not_change():
    ids = [f"row-{number}" for number in range(500)]
    pilot = pilot_ids(ids, 32)
    assert len(set(pilot)) == 32
    assert pilot_ids([*reversed(ids), *ids], 32) == pilot
    assert pilot != sorted(ids)[:32]
    assert pilot_ids(ids[:5], 32) == sorted(ids[:5], key=pilot_ids(ids[:5], 32).index)


def test_growth_only_exchanges_rows_of_the_pilot():
    old = [f"row-{number}" for number in range(500)]
    new = [f"new-{number}" for number in range(50)]
    pilot = pilot_ids(old + new, 32)
    assert set(pilot) - set(pilot_ids(old, 32)) <= set(new)


@pytest.mark.parametrize("sd", [0.1, 0.4])
def test_the_fitted_noise_sd_is_that_of_the_tokens(sd):
    rng = np.random.default_rng(3)
    clean = [rng.normal(0, 0.8, 20).astype(np.float32) for _ in range(40)]
    noisy = [(d + rng.normal(0, sd, (200, 20))).astype(np.float32) for d in clean]
    found, unexplained = fit_noise_sd(clean, noisy, TAU)
    assert found in NOISE_SDS
    assert 0.8 * sd < found < 1.3 * sd
    assert 0.0 < unexplained < 0.6


def test_far_from_the_threshold_the_linear_response_explains_everything():
    rng = np.random.default_rng(4)
    clean = [np.float32([2.0, 3.0, 0.01]) for _ in range(6)]
    noisy = [(d + rng.normal(0, 0.01, (50, 3))).astype(np.float32) for d in clean]
    _, unexplained = fit_noise_sd(clean, noisy, TAU)
    assert unexplained < 1e-3


def test_rows_without_variation_cannot_be_fitted():
    clean = [np.float32([2.0, 3.0])] * 5
    with pytest.raises(ValueError, match="no pilot row"):
        fit_noise_sd(clean, [np.tile(d, (4, 1)) for d in clean], TAU)


def test_scale_shift_and_errors_are_found_behind_the_sampling_noise():
    rng = np.random.default_rng(5)
    n, rows = 8, 20_000
    analytic = np.exp(rng.normal(-3, 0.4, rows))
    true = 1.5 * analytic * np.exp(rng.normal(0, 0.2, rows))
    mean = rng.normal(0.6, 0.1, rows)
    true_mean = mean - 0.02 + rng.normal(0, 0.03, rows)
    draws = true_mean[:, None] + true[:, None] * rng.normal(size=(rows, n))
    calibration = compare(
        [score(m, s, n=0) for m, s in zip(mean, analytic, strict=True)],
        [score(row.mean(), row.std(), n) for row in draws],
        0.2,
    )
    assert calibration.std_scale == pytest.approx(1.5, rel=0.01)
    assert calibration.std_error == pytest.approx(0.2, rel=0.05)
    assert calibration.mean_shift == pytest.approx(-0.02, abs=0.002)
    assert calibration.mean_error == pytest.approx(0.03, rel=0.05)
    assert calibration.n_rows == rows
    assert calibration.noise_sd == 0.2


def test_an_exact_estimate_has_no_error():
    rows = [score(0.5 + 0.01 * i, 0.02) for i in range(6)]
    doubled = [score(0.5 + 0.01 * i, 0.01) for i in range(6)]
    calibration = compare(doubled, rows, 0.2)
    assert calibration.std_error == calibration.mean_error == 0.0
    assert calibration.mean_shift == pytest.approx(0.0)


def test_rows_without_two_estimates_are_left_out():
    bad = [score(None, None, 0, Status.NO_INFORMATIVE_TOKEN), score(0.5, 0.0)]
    rows = [score(0.5 + 0.01 * i, 0.02) for i in range(4)]
    assert compare(rows + rows[:2], rows + bad, 0.2).n_rows == 4
    with pytest.raises(ValueError, match="3 pilot rows"):
        compare(rows[:3], rows[:3], 0.2)


def test_calibrated_scores_are_on_the_scale_of_sampled_ones():
    calibration = Calibration(0.2, 1.5, 0.1, -0.02, 0.01, 32)
    found = calibration.apply(score(0.6, 0.04))
    assert found.s_ifd_mean == pytest.approx(0.58)
    assert found.s_ifd_std == pytest.approx(0.06)
    failed = score(None, None, 0, Status.NON_FINITE_LOSS)
    assert calibration.apply(failed) is failed


def test_small_noise_on_a_real_network_needs_no_correction():
    tokenizer, engine = bpe_tokenizer(), TokenLossEngine(causal_lm("llama"))
    texts = ["the end is on", "in a line on the end", "ten one two the", "a the in on", "12 on 34"]
    samples = [
        tokenize_sample(alpaca(f"write {text[:4]}", text), tokenizer, "plain", 128)
        for text in texts
    ]
    clean = [(row.token_delta, row.ifd) for row in clean_scores(engine, samples)]
    pilot = neighbour_deltas(engine, samples, neighbours=200, alpha=0.02, seed=1)
    calibration = calibrate(engine, samples, clean, pilot, tau=0.0, alpha=0.02)
    assert calibration.n_rows == 5
    # 1,000 draws in all: the std is known within 2.2 %; and no token jumps.
    assert calibration.std_scale == pytest.approx(1.0, abs=0.07)
    assert calibration.std_error < 0.05
    assert abs(calibration.mean_shift) < 0.001


def test_a_pilot_without_usable_rows_is_refused():
    engine = TokenLossEngine(causal_lm("llama"))
    pilot = [NeighbourDeltas("id", Status.NON_FINITE_LOSS, "x")] * 6
    with pytest.raises(ValueError, match="0 usable pilot rows"):
        calibrate(engine, [None] * 6, [(None, None)] * 6, pilot, tau=TAU, alpha=5.0)
