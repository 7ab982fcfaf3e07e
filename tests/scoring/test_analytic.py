import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import oracle
from tests.tiny import alpaca, bpe_tokenizer, causal_lm
from tshirt_assets.scoring.analytic import first_order_std, score_gradients, soft_s_ifd
from tshirt_assets.scoring.clean import clean_scores
from tshirt_assets.scoring.robustness import neighbour_deltas
from tshirt_assets.scoring.sifd import s_ifd
from tshirt_assets.scoring.token_loss import TokenLossEngine
from tshirt_assets.scoring.tokenize import tokenize_sample

TAU, H = 0.5, 0.2
SAMPLES = [
    alpaca("name the end", "the end is on"),
    alpaca("write ten", "\n\nten on one line\n"),
    alpaca("add", "in 12 34 the other one on a", "12 and 34"),
]


def tokenized(bos="none"):
    tokenizer = bpe_tokenizer(bos)
    return [tokenize_sample(sample, tokenizer, "plain", 128) for sample in SAMPLES]


def soft_score(deltas, tau=TAU, h=H):
    """The soft score of (T,) deltas, written down once more, for autograd."""
    weight = torch.sigmoid((deltas.abs() - tau) / h)
    return torch.exp(-(weight * deltas).sum() / weight.sum())


def losses(model, embeds, ids, n_scored):
    """Differentiable losses of the last n_scored ids from the full logits."""
    log_p = torch.log_softmax(model(inputs_embeds=embeds[None]).logits[0], dim=-1)
    places = torch.arange(len(ids) - n_scored, len(ids))
    return -log_p[places - 1, torch.tensor(ids)[places]]


def score_of_field(model, sample, field):
    """Soft S-IFD as a function of a (P + T, C) perturbation, through full logits."""
    prompt, response = sample.prompt_ids.tolist(), sample.response_ids.tolist()
    embed = model.get_input_embeddings()
    ids = prompt + response
    cond = losses(model, embed(torch.tensor(ids)) + field, ids, len(response))
    lead = prompt[:1] if sample.has_bos else []
    own = torch.cat([field[: len(lead)], field[len(prompt) :]])
    n_scored = len(response) - (0 if sample.has_bos else 1)
    uncond = losses(model, embed(torch.tensor(lead + response)) + own, lead + response, n_scored)
    return soft_score(uncond - cond[-n_scored:])


@given(
    deltas=st.lists(st.floats(-4, 4, width=32), min_size=1, max_size=12),
    tau=st.floats(0, 2),
    h=st.floats(0.05, 1),
)
@settings(max_examples=60, deadline=None)
def test_the_soft_score_and_its_slopes_are_those_of_autograd(deltas, tau, h):
    values = torch.tensor(deltas, dtype=torch.float64, requires_grad=True)
    expected = soft_score(values, tau, h)
    score, slopes = soft_s_ifd(np.float32(deltas), tau, h)
    (gradient,) = torch.autograd.grad(expected, values)
    assert score == pytest.approx(expected.item(), rel=1e-6)
    assert slopes == pytest.approx(gradient.numpy(), rel=1e-4, abs=1e-9)


def test_a_narrow_soft_threshold_is_the_hard_one():
    deltas = np.float32([-1.5, 0.2, 0.49, 0.51, 2.0])
    score, slopes = soft_s_ifd(deltas, TAU, 1e-4)
    assert score == pytest.approx(s_ifd(deltas, TAU))
    assert score == pytest.approx(math.exp(-(-1.5 + 0.51 + 2.0) / 3))
    assert slopes == pytest.approx(-score / 3 * np.array([1, 0, 0, 1, 1]), abs=1e-9)


def test_soft_score_by_hand():
    # w = sigmoid(0) = 1/2 for abs(D) = tau, and sigmoid(2) for the other token.
    high = 1 / (1 + math.exp(-2))
    score, _ = soft_s_ifd(np.float32([-0.5, 1.5]), tau=0.5, h=0.5)
    assert score == pytest.approx(math.exp(-(-0.25 + 1.5 * high) / (0.5 + high)))


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
@pytest.mark.parametrize("bos", ["none", "added"])
def test_gradients_are_those_of_autograd_on_full_logits(kind, bos):
    model, samples = causal_lm(kind), tokenized(bos)
    engine = TokenLossEngine(model)
    coefficients = [
        soft_s_ifd(score.token_delta, TAU, H)[1] for score in clean_scores(engine, samples)
    ]
    found = dict(score_gradients(engine, samples, coefficients))
    assert sorted(found) == [0, 1, 2]
    for index, sample in enumerate(samples):
        length = len(sample.prompt_ids) + len(sample.response_ids)
        field = torch.zeros(length, 32, requires_grad=True)
        score = score_of_field(model, sample, field)
        (expected,) = torch.autograd.grad(score, field)
        assert torch.allclose(found[index], expected, rtol=1e-3, atol=1e-4 * expected.abs().max())
        assert first_order_std(found[index], alpha=5.0) == pytest.approx(
            5.0 / math.sqrt(length * 32) * math.sqrt((expected**2).sum().item() / 3), rel=1e-3
        )


@pytest.mark.parametrize("bos", ["none", "added"])
def test_small_noise_has_the_first_order_std(bos):
    model, samples = causal_lm("llama"), tokenized(bos)
    engine = TokenLossEngine(model)
    alpha = 0.02
    draws = neighbour_deltas(engine, samples, neighbours=1000, alpha=alpha, seed=1)
    coefficients = [
        soft_s_ifd(score.token_delta, TAU, H)[1] for score in clean_scores(engine, samples)
    ]
    for index, gradient in score_gradients(engine, samples, coefficients):
        values = [soft_s_ifd(delta, TAU, H)[0] for delta in draws[index].deltas]
        # The std of 1,000 draws is itself uncertain by 2.2 %.
        assert first_order_std(gradient, alpha) == pytest.approx(np.std(values), rel=0.08)


def test_a_directional_difference_of_full_logits_agrees():
    model, (sample, *_) = causal_lm("gpt2").double(), tokenized()
    engine = TokenLossEngine(causal_lm("gpt2"))
    cond, uncond = oracle.both_passes(model, sample.prompt_ids, sample.response_ids, False)
    deltas = np.array(oracle.deltas(cond, uncond))
    _, slopes = soft_s_ifd(deltas, TAU, H)
    ((_, gradient),) = score_gradients(engine, [sample], [slopes])
    direction = torch.randn(gradient.shape, generator=torch.Generator().manual_seed(0))

    def score(step):
        field = (step * direction).double()
        return score_of_field(model, sample, field).item()

    with torch.no_grad():
        slope = (score(1e-4) - score(-1e-4)) / 2e-4
    assert (gradient * direction).sum().item() == pytest.approx(slope, rel=1e-3)


def test_a_row_whose_losses_are_not_finite_is_left_out():
    model, samples = causal_lm("llama"), tokenized()
    bad = int(samples[1].response_ids[0])
    assert all(bad not in sample.prompt_ids for sample in samples)
    with torch.no_grad():
        model.get_input_embeddings().weight[bad] = torch.nan
    ones = [np.ones(len(sample.response_ids) - 1) for sample in samples]
    found = dict(score_gradients(TokenLossEngine(model), samples, ones))
    assert 1 not in found
    clean = [i for i, s in enumerate(samples) if bad not in s.response_ids]
    assert sorted(found) == clean


def test_groups_do_not_change_the_gradients(monkeypatch):
    engine, samples = TokenLossEngine(causal_lm("llama")), tokenized("added")
    ones = [np.ones(len(sample.response_ids)) for sample in samples]
    together = dict(score_gradients(engine, samples, ones))
    monkeypatch.setattr("tshirt_assets.scoring.analytic.GROUP_VALUES", 1)
    apart = dict(score_gradients(engine, samples, ones))
    assert sorted(apart) == sorted(together) == [0, 1, 2]
    for index, gradient in together.items():
        assert torch.allclose(apart[index], gradient, rtol=1e-4, atol=1e-5)
