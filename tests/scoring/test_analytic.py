import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import oracle
from tests.tiny import alpaca, bpe_tokenizer, causal_lm
from tshirt_assets.corpus.status import Status
from tshirt_assets.scoring.analytic import (
    analytic_robust_scores,
    first_order_stds,
    gradient_robust_scores,
    score_gradients,
    smooth_s_ifd,
)
from tshirt_assets.scoring.clean import CleanLosses, clean_scores
from tshirt_assets.scoring.kernel.token_loss import TokenLossEngine
from tshirt_assets.scoring.robustness import neighbour_deltas
from tshirt_assets.scoring.sifd import s_ifd
from tshirt_assets.scoring.token_noise import TokenNoise
from tshirt_assets.scoring.tokenize import tokenize_sample

TAU, SD = 0.5, 0.3
SAMPLES = [
    alpaca("name the end", "the end is on"),
    alpaca("write ten", "\n\nten on one line\n"),
    alpaca("add", "in 12 34 the other one on a", "12 and 34"),
]


def tokenized(bos="none"):
    tokenizer = bpe_tokenizer(bos)
    return [tokenize_sample(sample, tokenizer, "plain", 128) for sample in SAMPLES]


def gradients_of(engine, samples, coefficients):
    """The gradient by the number of the sample, for those whose losses are finite."""
    groups = list(score_gradients(engine, samples, coefficients))
    rows = [row for group in groups for row in group.rows]
    faults = torch.cat([group.faults for group in groups])
    assert len(rows) == len(faults) == len(samples)
    return {index: row for index, row in enumerate(rows) if faults[index] == 0}


def smooth_score(deltas, tau=TAU, sd=SD):
    """The smooth score of (T,) deltas, written down once more, for autograd."""
    normal = torch.distributions.Normal(0.0, 1.0)
    above, below = (tau - deltas) / sd, (-tau - deltas) / sd
    density = torch.exp(normal.log_prob(above)) - torch.exp(normal.log_prob(below))
    informative = normal.cdf(-above) + normal.cdf(below)
    return torch.exp(-(informative * deltas + sd * density).sum() / informative.sum())


def losses(model, embeds, ids, n_scored):
    """Differentiable losses of the last n_scored ids from the full logits."""
    log_p = torch.log_softmax(model(inputs_embeds=embeds[None]).logits[0], dim=-1)
    places = torch.arange(len(ids) - n_scored, len(ids))
    return -log_p[places - 1, torch.tensor(ids)[places]]


def score_of_field(model, sample, field):
    """Smooth S-IFD as a function of a (P + T, C) perturbation, through full logits."""
    prompt, response = sample.prompt_ids.tolist(), sample.response_ids.tolist()
    embed = model.get_input_embeddings()
    ids = prompt + response
    cond = losses(model, embed(torch.tensor(ids)) + field, ids, len(response))
    lead = prompt[:1] if sample.has_bos else []
    own = torch.cat([field[: len(lead)], field[len(prompt) :]])
    n_scored = len(response) - (0 if sample.has_bos else 1)
    uncond = losses(model, embed(torch.tensor(lead + response)) + own, lead + response, n_scored)
    return smooth_score(uncond - cond[-n_scored:])


@given(
    deltas=st.lists(st.floats(-4, 4, width=32), min_size=1, max_size=12),
    tau=st.floats(0, 2),
    sd=st.floats(0.05, 1),
)
@settings(max_examples=60, deadline=None)
def test_the_slopes_of_the_smooth_score_are_those_of_autograd(deltas, tau, sd):
    values = torch.tensor([*deltas, 2.5], dtype=torch.float64, requires_grad=True)
    expected = smooth_score(values, tau, sd)
    (gradient,) = torch.autograd.grad(expected, values)
    smooth = smooth_s_ifd(np.float32([*deltas, 2.5]), tau, sd)
    assert smooth.value == pytest.approx(expected.item(), rel=1e-6)
    assert smooth.slopes == pytest.approx(gradient.numpy(), rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("sd", [0.3, np.array([0.05, 0.4, 0.2, 0.3, 0.6])])
def test_value_slopes_and_jumps_are_those_of_many_noisy_copies(sd):
    deltas = np.float32([-1.5, 0.2, 0.49, 0.51, 2.0])
    z = np.random.default_rng(0).normal(size=(300_000, 5))
    noisy = deltas + sd * z
    informative = np.abs(noisy) > TAU
    mean = (informative * noisy).mean(0).sum() / informative.mean(0).sum()
    share = informative * (noisy - mean) / informative.mean(0).sum()  # of each token in the mean
    linear = ((share - share.mean(0)) * z).mean(0)
    jumps = (share - share.mean(0) - linear * z).var(0).sum()
    smooth = smooth_s_ifd(deltas, TAU, sd)
    assert smooth.value == pytest.approx(math.exp(-mean), rel=4e-3)
    assert smooth.slopes == pytest.approx(-math.exp(-mean) * linear / sd, rel=0.03, abs=4e-3)
    assert smooth.jump_std == pytest.approx(math.exp(-mean) * math.sqrt(jumps), rel=0.02)


def test_without_noise_the_threshold_is_hard():
    deltas = np.float32([-1.5, 0.2, 0.49, 0.51, 2.0])
    smooth = smooth_s_ifd(deltas, TAU, 1e-4)
    assert smooth.value == pytest.approx(s_ifd(deltas, TAU))
    assert smooth.value == pytest.approx(math.exp(-(-1.5 + 0.51 + 2.0) / 3))
    assert smooth.slopes == pytest.approx(-smooth.value / 3 * np.array([1, 0, 0, 1, 1]), abs=1e-9)
    assert smooth.jump_std == pytest.approx(0, abs=1e-6)


def test_a_token_at_the_threshold_counts_half():
    # Two tokens far above, one at tau: P = 1/2, E[I D] = tau / 2 + sd / sqrt(2 pi).
    smooth = smooth_s_ifd(np.float32([3.0, 3.0, 0.5]), tau=0.5, noise_sd=0.1)
    mean = (6 + 0.25 + 0.1 / math.sqrt(2 * math.pi)) / 2.5
    assert smooth.value == pytest.approx(math.exp(-mean))


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
@pytest.mark.parametrize("bos", ["none", "added"])
def test_gradients_are_those_of_autograd_on_full_logits(kind, bos):
    model, samples = causal_lm(kind), tokenized(bos)
    engine = TokenLossEngine(model)
    coefficients = [
        smooth_s_ifd(score.token_delta, TAU, SD).slopes for score in clean_scores(engine, samples)
    ]
    found = gradients_of(engine, samples, coefficients)
    stds = first_order_stds(engine, samples, coefficients, alpha=5.0)
    assert sorted(found) == [0, 1, 2]
    for index, sample in enumerate(samples):
        length = len(sample.prompt_ids) + len(sample.response_ids)
        field = torch.zeros(length, 32, requires_grad=True)
        score = score_of_field(model, sample, field)
        (expected,) = torch.autograd.grad(score, field)
        assert torch.allclose(found[index], expected, rtol=1e-3, atol=1e-4 * expected.abs().max())
        assert stds[index] == pytest.approx(
            5.0 / math.sqrt(length * 32) * math.sqrt((expected**2).sum().item() / 3), rel=1e-3
        )


@pytest.mark.parametrize("bos", ["none", "added"])
def test_small_noise_has_the_first_order_std(bos):
    model, samples = causal_lm("llama"), tokenized(bos)
    engine = TokenLossEngine(model)
    alpha = 0.02
    draws = neighbour_deltas(engine, samples, neighbours=400, alpha=alpha, seed=1)
    coefficients = [
        smooth_s_ifd(score.token_delta, TAU, SD).slopes for score in clean_scores(engine, samples)
    ]
    stds = first_order_stds(engine, samples, coefficients, alpha)
    for index, std in enumerate(stds):
        values = [smooth_s_ifd(delta, TAU, SD).value for delta in draws[index].deltas]
        # The std of 400 draws is itself uncertain by 3.5 %.
        assert std == pytest.approx(np.std(values), rel=0.12)


def test_a_directional_difference_of_full_logits_agrees():
    model, (sample, *_) = causal_lm("gpt2").double(), tokenized()
    engine = TokenLossEngine(causal_lm("gpt2"))
    cond, uncond = oracle.both_passes(model, sample.prompt_ids, sample.response_ids, False)
    deltas = np.array(oracle.deltas(cond, uncond))
    slopes = smooth_s_ifd(deltas, TAU, SD).slopes
    gradient = gradients_of(engine, [sample], [slopes])[0]
    direction = torch.randn(gradient.shape, generator=torch.Generator().manual_seed(0))

    def score(step):
        field = (step * direction).double()
        return score_of_field(model, sample, field).item()

    with torch.no_grad():
        slope = (score(1e-4) - score(-1e-4)) / 2e-4
    assert (gradient * direction).sum().item() == pytest.approx(slope, rel=1e-3)


def test_a_row_whose_losses_are_not_finite_is_marked():
    model, samples = causal_lm("llama"), tokenized()
    bad = int(samples[1].response_ids[0])
    assert all(bad not in sample.prompt_ids for sample in samples)
    with torch.no_grad():
        model.get_input_embeddings().weight[bad] = torch.nan
    ones = [np.ones(len(sample.response_ids) - 1) for sample in samples]
    found = gradients_of(TokenLossEngine(model), samples, ones)
    assert 1 not in found
    clean = [i for i, s in enumerate(samples) if bad not in s.response_ids]
    assert sorted(found) == clean


def test_groups_do_not_change_the_gradients(monkeypatch):
    engine, samples = TokenLossEngine(causal_lm("llama")), tokenized("added")
    ones = [np.ones(len(sample.response_ids)) for sample in samples]
    together = gradients_of(engine, samples, ones)
    monkeypatch.setattr("tshirt_assets.scoring.analytic.GROUP_VALUES", 1)
    apart = gradients_of(engine, samples, ones)
    assert sorted(apart) == sorted(together) == [0, 1, 2]
    for index, gradient in together.items():
        assert torch.allclose(apart[index], gradient, rtol=1e-4, atol=1e-5)


def analytic(model, samples, alpha=5.0, tau=TAU, clean=None):
    engine = TokenLossEngine(model)
    clean = clean or clean_losses(engine, samples)
    widths = [SD if row is None else np.full(len(row.deltas), SD) for row in clean]
    return gradient_robust_scores(engine, samples, clean, tau=tau, alpha=alpha, noise_sd=widths)


def clean_losses(engine, samples):
    return [
        CleanLosses.of(score.token_nll, score.token_delta, score.ifd)
        for score in clean_scores(engine, samples)
    ]


def test_mean_and_std_are_the_smooth_score_and_both_kinds_of_noise():
    model, samples = causal_lm("llama"), tokenized("added")
    clean = clean_scores(TokenLossEngine(model), samples)
    scores = analytic(model, samples)
    assert [score.sample_id for score in scores] == [sample.sample_id for sample in samples]
    for sample, row, score in zip(samples, clean, scores, strict=True):
        length = len(sample.prompt_ids) + len(sample.response_ids)
        field = torch.zeros(length, 32, requires_grad=True)
        value = score_of_field(model, sample, field)
        (gradient,) = torch.autograd.grad(value, field)
        linear = 25 / (length * 32) / 3 * (gradient**2).sum().item()
        jumps = smooth_s_ifd(row.token_delta, TAU, SD).jump_std ** 2
        assert score.status is Status.OK
        assert score.s_ifd_mean == pytest.approx(value.item(), rel=1e-4)
        assert score.s_ifd_std == pytest.approx(math.sqrt(linear + jumps), rel=1e-3)
        assert score.ifd_mean == row.ifd
        assert score.n_neighbours == 0


def test_rows_that_go_wrong_have_a_status():
    tokenizer = bpe_tokenizer()
    short = tokenize_sample(alpaca("say", "on"), tokenizer, "plain", 128)
    good, silent, broken = tokenized()
    model = causal_lm("llama")
    clean = clean_losses(TokenLossEngine(model), [good, silent, broken])
    clean[1] = replace(clean[1], deltas=np.full_like(clean[1].deltas, 0.1 * TAU), ifd=0.9)
    alone, *_ = analytic(model, [good], clean=clean[:1])
    bad = next(
        i for i in broken.prompt_ids if i not in good.prompt_ids and i not in good.response_ids
    )
    with torch.no_grad():
        model.get_input_embeddings().weight[int(bad)] = torch.nan
    scores = analytic(model, [short, good, silent, broken], clean=[None, *clean])
    assert [score.status for score in scores] == [
        Status.RESPONSE_TOO_SHORT,
        Status.OK,
        Status.NO_INFORMATIVE_TOKEN,
        Status.NON_FINITE_LOSS,
    ]
    assert scores[1].s_ifd_std == pytest.approx(alone.s_ifd_std, rel=1e-4)
    assert scores[2].ifd_mean == 0.9
    assert [s.s_ifd_std for s in scores] == [None, scores[1].s_ifd_std, None, None]


def test_the_predicted_noise_of_each_token_is_what_the_scores_use():
    engine, samples = TokenLossEngine(causal_lm("llama")), tokenized("added")
    clean, noise = clean_losses(engine, samples), TokenNoise(0.5, 0.2, 0.7)
    found = analytic_robust_scores(engine, samples, clean, tau=TAU, alpha=5.0, noise=noise)
    for sample, losses, score in zip(samples, clean, found, strict=True):
        eps = 5.0 / math.sqrt((len(sample.prompt_ids) + len(sample.response_ids)) * 32)
        sd = noise.sd(losses, eps)
        (expected,) = gradient_robust_scores(
            engine, [sample], [losses], tau=TAU, alpha=5.0, noise_sd=[sd]
        )
        assert score.s_ifd_mean == pytest.approx(expected.s_ifd_mean, rel=1e-6)
        assert score.s_ifd_std == pytest.approx(expected.s_ifd_std, rel=1e-4)
