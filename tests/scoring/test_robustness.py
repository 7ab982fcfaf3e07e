import math
import statistics
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests import oracle
from tests.tiny import alpaca, bpe_tokenizer, causal_lm
from tshirt_assets.corpus.status import Status
from tshirt_assets.scoring import robustness
from tshirt_assets.scoring.kernel.noise import CounterNoise, noise_key
from tshirt_assets.scoring.kernel.token_loss import TokenLossEngine
from tshirt_assets.scoring.robustness import (
    NeighbourDeltas,
    neighbour_deltas,
    robust_score,
)
from tshirt_assets.scoring.tokenize import TokenizedSample, tokenize_sample

OPTIONS = {"neighbours": 5, "alpha": 5.0, "seed": 7}
SAMPLES = [
    alpaca("name the end", "the end is on"),
    alpaca("write ten", "\n\nten on one line\n"),
    alpaca("say", "on"),  # one token: too short
    alpaca("add", "in 12 34 the other one on a", "12 and 34"),
]


def robust_scores(engine, samples, tau):
    return [robust_score(row, tau) for row in neighbour_deltas(engine, samples, **OPTIONS)]


def tokenized(bos="none"):
    tokenizer = bpe_tokenizer(bos)
    return [tokenize_sample(sample, tokenizer, "plain", 128) for sample in SAMPLES]


def row(sample_id="id", n_tokens=3):
    return TokenizedSample(sample_id, np.arange(4), np.arange(n_tokens), has_bos=False)


def scripted(cond, uncond):
    """An engine that answers with these losses (in nats), neighbour by neighbour."""
    passes = [losses for pair in zip(cond, uncond, strict=True) for losses in pair]
    answers = [np.array(losses, dtype=np.float32) for losses in passes]
    return SimpleNamespace(width=4, losses=lambda requests: answers)


def stored(*deltas):
    return NeighbourDeltas("id", Status.OK, None, ifd_mean=0.5, deltas=np.float32(deltas))


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
@pytest.mark.parametrize("bos", ["none", "added"])
@pytest.mark.parametrize("engine_class", [oracle.SlowEngine, TokenLossEngine])
def test_robust_scores_are_those_of_the_oracle(kind, bos, engine_class):
    model = causal_lm(kind)
    samples = tokenized(bos)
    scores = robust_scores(engine_class(model), samples, tau=0.5)
    for sample, score in zip(samples, scores, strict=True):
        assert score.sample_id == sample.sample_id
        if sample.status is not Status.OK:
            assert score.status is Status.RESPONSE_TOO_SHORT
            assert score.s_ifd_mean is score.s_ifd_std is score.ifd_mean is None
            continue
        length = len(sample.prompt_ids) + len(sample.response_ids)
        eps = 5.0 / math.sqrt(length * 32)
        fields = [
            CounterNoise(noise_key(7, sample.sample_id, m), eps, np.arange(length))
            .values(32, torch.device("cpu"))
            .numpy()
            for m in range(5)
        ]
        mean, std, ratio, used = oracle.robust(
            model, sample.prompt_ids, sample.response_ids, bos == "added", fields, 0.5
        )
        assert score.status is Status.OK
        assert score.n_neighbours == used == 5
        assert score.s_ifd_mean == pytest.approx(mean, rel=1e-4)
        assert score.s_ifd_std == pytest.approx(std, rel=1e-3)
        assert score.ifd_mean == pytest.approx(ratio, rel=1e-4)
        assert std > 1e-3  # the noise matters


def test_both_passes_see_the_same_response_noise():
    for sample in (tokenized()[0], tokenized("added")[0]):
        cond, uncond = robustness.neighbour_requests(sample, [3], alpha=5.0, seed=7, width=32)
        device = torch.device("cpu")
        with_prompt, without = cond.noise.values(32, device), uncond.noise.values(32, device)
        assert with_prompt.shape == (len(cond.ids), 32)
        assert without.shape == (len(uncond.ids), 32)
        n_response = len(sample.response_ids)
        assert torch.equal(with_prompt[-n_response:], without[-n_response:])
        assert torch.equal(with_prompt[:1], without[:1]) == sample.has_bos


def test_noise_does_not_depend_on_order_shard_or_batch(monkeypatch):
    engine = TokenLossEngine(causal_lm())
    samples = tokenized()
    together = neighbour_deltas(engine, samples, **OPTIONS)
    backwards = neighbour_deltas(engine, samples[::-1], **OPTIONS)[::-1]
    alone = [neighbour_deltas(engine, [sample], **OPTIONS)[0] for sample in samples]
    monkeypatch.setattr(robustness, "GROUP_TOKENS", 1)
    one_by_one = neighbour_deltas(engine, samples, **OPTIONS)
    for other in (backwards, alone, one_by_one):
        for expected, found in zip(together, other, strict=True):
            assert (found.sample_id, found.status) == (expected.sample_id, expected.status)
            if found.status is Status.OK:
                assert found.deltas == pytest.approx(expected.deltas, abs=2e-5)


def test_noise_depends_on_seed_sample_and_neighbour():
    engine = oracle.SlowEngine(causal_lm())
    sample = tokenized()[0]
    twin = replace(sample, sample_id="another")
    found = neighbour_deltas(engine, [sample, twin], **OPTIONS)
    found += neighbour_deltas(engine, [sample], **{**OPTIONS, "seed": 8})
    assert len({tuple(deltas) for row in found for deltas in row.deltas.tolist()}) == 15


def test_requests_reach_the_engine_in_groups(monkeypatch):
    engine = oracle.SlowEngine(causal_lm())
    samples = tokenized()
    tokens = [len(s.prompt_ids) + 2 * len(s.response_ids) for s in samples if s.status is Status.OK]
    monkeypatch.setattr(robustness, "GROUP_TOKENS", 5 * (tokens[0] + tokens[1]))
    found = neighbour_deltas(engine, samples, **OPTIONS)
    assert engine.calls == [20, 10]  # neighbours x passes x rows
    assert [row.sample_id for row in found] == [sample.sample_id for sample in samples]
    assert found[0].deltas.shape == (5, len(samples[0].response_ids) - 1)
    assert found[0].deltas.dtype == np.float32
    assert found[2].deltas is found[2].ifd_mean is None
    assert neighbour_deltas(engine, [], **OPTIONS) == []


def test_a_row_without_informative_tokens_is_not_the_most_robust_of_all():
    engine = scripted([[1.0, 1.0, 2.0]] * 5, [[1.1, 2.1]] * 5)
    (found,) = neighbour_deltas(engine, [row()], **OPTIONS)
    score = robust_score(found, 0.5)
    assert score.status is Status.NO_INFORMATIVE_TOKEN
    assert score.s_ifd_mean is score.s_ifd_std is None
    assert score.n_neighbours == 0
    assert score.ifd_mean == pytest.approx(math.exp(4 / 3 - 1.6), rel=1e-6)
    assert robust_score(found, 0.05).status is Status.OK


def test_neighbours_without_informative_tokens_are_left_out_and_counted():
    uncond = [[1.0, 3.0], [1.0, 1.0], [1.0, 4.0], [1.0, 1.1], [1.0, 1.0]]
    (score,) = robust_scores(scripted([[0.0, 1.0, 1.0]] * 5, uncond), [row()], tau=0.5)
    kept = [math.exp(-2.0), math.exp(-3.0)]  # second tokens 2 and 3 nats above
    assert (score.status, score.n_neighbours) == (Status.OK, 2)
    assert score.s_ifd_mean == pytest.approx(statistics.fmean(kept), rel=1e-6)
    assert score.s_ifd_std == pytest.approx(statistics.pstdev(kept), rel=1e-6)
    ratios = [math.exp(2 / 3 - sum(losses) / 2) for losses in uncond]
    assert score.ifd_mean == pytest.approx(statistics.fmean(ratios), rel=1e-6)  # all five


def test_one_informative_neighbour_has_no_spread_to_compare():
    score = robust_score(stored([2.0, 0.1], [0.1, 0.2], [0.0, 0.0]), 0.5)
    assert score.status is Status.NO_INFORMATIVE_TOKEN
    assert score.n_neighbours == 1
    assert score.s_ifd_mean is score.s_ifd_std is None


def test_another_threshold_needs_no_other_deltas():
    row = stored([1.0, -2.0, 0.1], [3.0, 0.2, -1.0])
    for tau, values in ((0.5, [0.5, -1.0]), (0.15, [0.5, -2.2 / 3]), (1.5, [2.0, -3.0])):
        expected = [math.exp(value) for value in values]
        score = robust_score(row, tau)
        assert score.s_ifd_mean == pytest.approx(statistics.fmean(expected), rel=1e-6)
        assert score.s_ifd_std == pytest.approx(statistics.pstdev(expected), rel=1e-6)


@pytest.mark.parametrize("bad", [math.nan, math.inf, 3000.0])
def test_what_is_not_finite_in_any_neighbour_is_never_ok(bad):
    engine = scripted([[0.0, 1.0, 1.0]] * 4 + [[0.0, bad, 1.0]], [[1.0, 3.0]] * 5)
    (found,) = neighbour_deltas(engine, [row()], **OPTIONS)
    score = robust_score(found, 0.5)
    assert found.status is score.status is Status.NON_FINITE_LOSS
    assert found.deltas is found.ifd_mean is score.s_ifd_mean is score.s_ifd_std is None


def test_an_s_ifd_that_overflows_is_never_ok():
    score = robust_score(stored([-2000.0, 1.0], [-2.0, 1.0]), 1.5)
    assert (score.status, score.s_ifd_mean) == (Status.NON_FINITE_LOSS, None)
