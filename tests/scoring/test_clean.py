import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests import oracle
from tests.tiny import VOCABULARY, alpaca, bpe_tokenizer, causal_lm
from tshirt_assets.corpus.status import Status
from tshirt_assets.scoring.clean import clean_scores
from tshirt_assets.scoring.kernel.token_loss import TokenLossEngine
from tshirt_assets.scoring.robustness import neighbour_deltas
from tshirt_assets.scoring.tokenize import TokenizedSample, tokenize_sample

SAMPLES = [
    alpaca("name the end", "the end is on"),
    alpaca("write ten", "\n\nten on one line\n"),
    alpaca("add", "in 12 34 the other one on a", "12 and 34"),
    alpaca("say", "on"),  # one token: too short
    alpaca("x" * 200, "two words"),  # longer than the model
    alpaca("cut", "0123456789" * 20),  # cut at 128
]
FINE = (0, 1, 2, 5)


def tokenized(bos="none"):
    tokenizer = bpe_tokenizer(bos)
    return [tokenize_sample(sample, tokenizer, "plain", 128) for sample in SAMPLES]


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
@pytest.mark.parametrize("bos", ["none", "added"])
@pytest.mark.parametrize("engine_class", [oracle.SlowEngine, TokenLossEngine])
def test_clean_scores_are_those_of_the_oracle(kind, bos, engine_class):
    model = causal_lm(kind)
    samples = tokenized(bos)
    scores = clean_scores(engine_class(model), samples)
    assert [score.sample_id for score in scores] == [sample.sample_id for sample in samples]
    for index in FINE:
        sample, score = samples[index], scores[index]
        cond, uncond = oracle.both_passes(
            model, sample.prompt_ids, sample.response_ids, bos == "added"
        )
        first = 0 if bos == "added" else 1
        assert score.status is Status.OK
        assert score.first_delta_index == first
        assert score.n_prompt_tokens == len(sample.prompt_ids)
        assert score.n_response_tokens == len(cond)
        assert score.cond_nll == pytest.approx(sum(cond) / len(cond), abs=2e-5)
        assert score.uncond_nll == pytest.approx(sum(uncond) / len(uncond), abs=2e-5)
        assert score.ifd == pytest.approx(oracle.ifd(cond, uncond), rel=5e-5)
        assert score.token_delta.dtype == np.float32
        assert len(score.token_delta) == len(cond) - first
        assert score.token_delta == pytest.approx(oracle.deltas(cond, uncond), abs=5e-5)
        assert np.std(score.token_delta) > 0.05  # the model does react to the prompt
    assert scores[3].status is Status.RESPONSE_TOO_SHORT
    assert scores[4].status is Status.PROMPT_TOO_LONG
    assert scores[5].truncated
    assert not scores[0].truncated


def test_refused_rows_have_no_scores_and_cost_nothing():
    engine = oracle.SlowEngine(causal_lm())
    scores = clean_scores(engine, tokenized())
    assert engine.calls == [2 * len(FINE)]  # one call, both passes of the usable rows
    for index in (3, 4):
        assert scores[index].status_detail
        assert scores[index].cond_nll is scores[index].uncond_nll is None
        assert scores[index].ifd is scores[index].token_delta is None


def test_rows_can_come_in_any_order_and_company():
    engine = TokenLossEngine(causal_lm())
    samples = tokenized("added")
    together = clean_scores(engine, samples)
    backwards = clean_scores(engine, samples[::-1])[::-1]
    alone = [score for sample in samples for score in clean_scores(engine, [sample])]
    for index in FINE:
        for other in (backwards[index], alone[index]):
            assert other.token_delta == pytest.approx(together[index].token_delta, abs=2e-5)
    assert clean_scores(engine, []) == []


def scripted(*losses):
    """An engine that answers with the arrays given, whatever it is asked."""
    return SimpleNamespace(
        width=4, losses=lambda requests: [np.array(x, dtype=np.float32) for x in losses]
    )


@pytest.mark.parametrize(
    ("cond", "uncond"),
    [
        ([1.0, math.nan, 2.0], [1.0, 2.0]),
        ([1.0, 1.0, 2.0], [math.inf, 2.0]),
        ([math.inf, 1.0, 2.0], [math.inf, 2.0]),
        ([3000.0, 1.0, 2.0], [1.0, 2.0]),  # the ratio overflows
    ],
)
def test_what_is_not_finite_is_never_ok(cond, uncond):
    sample = TokenizedSample("id", np.arange(4), np.arange(3), has_bos=False)
    (score,) = clean_scores(scripted(cond, uncond), [sample])
    assert score.status is Status.NON_FINITE_LOSS
    assert score.ifd is score.cond_nll is score.token_delta is None
    assert score.n_response_tokens == 3


def test_ids_beyond_the_embedding_matrix_cost_their_row_only():
    good = TokenizedSample("good", np.arange(4), np.arange(3), has_bos=False)
    bad = TokenizedSample("bad", np.arange(4), np.array([1, VOCABULARY, 2]), has_bos=False)
    scores = clean_scores(TokenLossEngine(causal_lm()), [bad, good])
    assert [score.status for score in scores] == [Status.NON_FINITE_LOSS, Status.OK]


def overflowing(token):
    """A model whose first MLP leaves the range of float16 on that token, and on no other."""
    model = causal_lm()
    layer = model.model.layers[0]
    with torch.no_grad():
        model.model.embed_tokens.weight[:, 0] = 0.0
        model.model.embed_tokens.weight[token, 0] = 1e3
        layer.self_attn.o_proj.weight[0] = 0.0
        layer.mlp.up_proj.weight[:, 0] = 2e4
    return model


def test_a_row_that_overflows_in_half_precision_has_a_status_and_spoils_no_other():
    good = TokenizedSample("good", np.arange(4), np.arange(3), has_bos=False)
    bad = TokenizedSample("bad", np.arange(4), np.array([1, 99, 2]), has_bos=False)
    model = overflowing(99)
    half = clean_scores(TokenLossEngine(model, precision="fp16"), [bad, good])
    assert [score.status for score in half] == [Status.NON_FINITE_LOSS, Status.OK]
    (perturbed,) = neighbour_deltas(
        TokenLossEngine(model, precision="fp16"), [bad], neighbours=2, alpha=5.0, seed=0
    )
    assert perturbed.status is Status.NON_FINITE_LOSS
    whole = clean_scores(TokenLossEngine(model), [bad, good])
    assert [score.status for score in whole] == [Status.OK, Status.OK]
