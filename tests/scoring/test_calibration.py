import numpy as np
import pytest

from tests.tiny import alpaca, bpe_tokenizer, causal_lm
from tshirt_assets.corpus.status import Status
from tshirt_assets.scoring.calibration import (
    Calibration,
    Errors,
    calibrate,
    compare,
    pilot_ids,
)
from tshirt_assets.scoring.clean import CleanLosses, clean_scores
from tshirt_assets.scoring.kernel.token_loss import TokenLossEngine
from tshirt_assets.scoring.robustness import NeighbourDeltas, RobustScore, neighbour_deltas
from tshirt_assets.scoring.token_noise import USUAL, TokenNoise
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


def test_scale_shift_and_errors_are_found_behind_the_sampling_noise():
    rng = np.random.default_rng(5)
    n, rows = 8, 20_000
    analytic = np.exp(rng.normal(-3, 0.4, rows))
    true = 1.5 * analytic * np.exp(rng.normal(0, 0.2, rows))
    mean = rng.normal(0.6, 0.1, rows)
    true_mean = mean - 0.02 + rng.normal(0, 0.03, rows)
    draws = true_mean[:, None] + true[:, None] * rng.normal(size=(rows, n))
    errors = compare(
        [score(m, s, n=0) for m, s in zip(mean, analytic, strict=True)],
        [score(row.mean(), row.std(), n) for row in draws],
    )
    assert errors.std_scale == pytest.approx(1.5, rel=0.01)
    assert errors.std_error == pytest.approx(0.2, rel=0.05)
    assert errors.mean_shift == pytest.approx(-0.02, abs=0.002)
    assert errors.mean_error == pytest.approx(0.03, rel=0.05)
    assert errors.n_rows == rows


def test_an_exact_estimate_has_no_error():
    rows = [score(0.5 + 0.01 * i, 0.02) for i in range(6)]
    doubled = [score(0.5 + 0.01 * i, 0.01) for i in range(6)]
    errors = compare(doubled, rows)
    assert errors.std_error == errors.mean_error == 0.0
    assert errors.mean_shift == pytest.approx(0.0)


def test_rows_without_two_estimates_are_left_out():
    bad = [score(None, None, 0, Status.NO_INFORMATIVE_TOKEN), score(0.5, 0.0)]
    rows = [score(0.5 + 0.01 * i, 0.02) for i in range(4)]
    assert compare(rows + rows[:2], rows + bad).n_rows == 4
    assert compare(rows[:3], rows[:3]) is None


def test_the_facts_of_a_calibration_bring_it_back():
    errors = Errors(1.5, 0.1, -0.02, 0.01, 32)
    full = Calibration(TokenNoise(2.0, 0.1, 0.8), 0.14, errors)
    assert Calibration.from_facts(full.facts()) == full
    assert full.facts()["noise_uncond"] == 0.8
    assert full.facts()["std_error"] == 0.1
    bare = Calibration(TokenNoise(2.0, 0.1, 0.8))
    assert Calibration.from_facts(bare.facts()) == bare
    # The analytic scores rest on the noise alone; reported errors must not make others of them.
    assert full.decisive("analytic") == bare.decisive("analytic") == bare.decisive("hybrid")
    assert full.decisive("hybrid")["mean_error"] == 0.01


def pilot_of(alpha, neighbours):
    tokenizer, engine = bpe_tokenizer(), TokenLossEngine(causal_lm("llama"))
    texts = ["the end is on", "in a line on the end", "ten one two the", "a the in on", "12 on 34"]
    samples = [
        tokenize_sample(alpaca(f"write {text[:4]}", text), tokenizer, "plain", 128)
        for text in texts
    ]
    clean = [
        CleanLosses.of(row.token_nll, row.token_delta, row.ifd)
        for row in clean_scores(engine, samples)
    ]
    pilot = neighbour_deltas(engine, samples, neighbours=neighbours, alpha=alpha, seed=1)
    return engine, samples, clean, pilot


def test_small_noise_on_a_real_network_needs_no_correction():
    calibration, analytic, sampled = calibrate(*pilot_of(0.02, 200), tau=0.0, alpha=0.02)
    errors = calibration.errors
    assert errors.n_rows == 5
    # 1,000 draws in all: the std is known within 2.2 %; and no token jumps.
    assert errors.std_scale == pytest.approx(1.0, abs=0.07)
    assert errors.std_error < 0.05
    assert abs(errors.mean_shift) < 0.001
    for one, other in zip(analytic, sampled, strict=True):
        assert one.s_ifd_mean == pytest.approx(other.s_ifd_mean, abs=0.002)


def test_the_typical_noise_is_that_of_the_neighbours():
    calibration, _, _ = calibrate(*pilot_of(1.0, 200), tau=0.0, alpha=1.0)
    pilot = pilot_of(1.0, 200)[3]
    seen = np.concatenate([row.deltas.std(axis=0) for row in pilot])
    assert np.median(seen) / 2 < calibration.noise_sd < 2 * np.median(seen)


def test_without_a_usable_pilot_the_noise_is_what_is_usual():
    engine, samples, clean, pilot = pilot_of(5.0, 4)
    broken = [NeighbourDeltas(row.sample_id, Status.NON_FINITE_LOSS, "x") for row in pilot[:3]]
    calibration, analytic, sampled = calibrate(
        engine, samples, clean, [*broken, *pilot[3:]], tau=0.0, alpha=5.0
    )
    assert calibration == Calibration(USUAL)
    assert [score.status for score in analytic] == [Status.OK] * 5
    assert sampled[0].status is Status.NON_FINITE_LOSS
