import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import oracle
from tests.tiny import alpaca, bpe_tokenizer, causal_lm
from tshirt_assets.corpus.status import Status
from tshirt_assets.scoring.clean import clean_scores
from tshirt_assets.scoring.kernel.token_loss import TokenLossEngine
from tshirt_assets.scoring.miwv import miwv_scores
from tshirt_assets.scoring.tokenize import OneShotSample, TokenizedSample, tokenize_one_shot

PAIRS = [
    (alpaca("say a", "a b c d"), alpaca("name the end", "the end is on")),
    (alpaca("add", "5", "2 3"), alpaca("add", "the 11 on", "4 7")),
    (alpaca("say a", "a b c d"), alpaca("say", "on")),  # one token: too short
    (alpaca("long", "0123456789" * 20), alpaca("cut the demo", "in the end")),
]


def pairs(bos="none", prompt_format="plain"):
    tokenizer = bpe_tokenizer(bos)
    return [tokenize_one_shot(d, s, tokenizer, prompt_format, 128) for d, s in PAIRS]


def scripted(*losses):
    arrays = [np.array(x, dtype=np.float32) for x in losses]
    return SimpleNamespace(width=4, losses=lambda requests: arrays)


def pair(sample_id="id"):
    return OneShotSample(
        TokenizedSample(sample_id, np.arange(2), np.arange(2), has_bos=False), np.arange(5)
    )


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
@pytest.mark.parametrize("bos", ["none", "added"])
@pytest.mark.parametrize("engine_class", [oracle.SlowEngine, TokenLossEngine])
def test_miwv_is_that_of_the_oracle(kind, bos, engine_class):
    model, tokenizer = causal_lm(kind), bpe_tokenizer(bos)
    scores = miwv_scores(engine_class(model), pairs(bos))
    for (demo, sample), score in zip(PAIRS, scores, strict=True):
        assert score.sample_id == sample.sample_id
        if sample.response == "on":
            assert (score.status, score.miwv) == (Status.RESPONSE_TOO_SHORT, None)
            continue

        def ids(text):
            return tokenizer.encode(text, add_special_tokens=False)

        lead = [tokenizer.bos_token_id] if bos == "added" else []
        own = f"{sample.instruction}\n" + (f"{sample.input}\n" if sample.input else "")
        shown = f"{demo.instruction}\n" + (f"{demo.input}\n" if demo.input else "")
        response = ids(sample.response)
        room = 128 - len(lead) - len(ids(own)) - len(response)
        behind = ids(f"{shown}{demo.response}\n\n")[-room:]
        expected = oracle.miwv(model, lead + behind + ids(own), lead + ids(own), response)
        assert score.status is Status.OK
        assert score.miwv == pytest.approx(expected, abs=5e-5)
        assert abs(expected) > 1e-3  # the demo matters
        assert score.demo_truncated == (demo.instruction == "long")


def test_the_zero_shot_loss_of_a_clean_pass_is_shared():
    engine = oracle.SlowEngine(causal_lm())
    computed = miwv_scores(engine, pairs())
    clean = clean_scores(engine, [p.zero_shot for p in pairs()])
    engine.calls.clear()
    shared = miwv_scores(engine, pairs(), [score.cond_nll for score in clean])
    assert engine.calls == [3]  # one-shot passes of the three usable rows, nothing else
    for here, there in zip(computed, shared, strict=True):
        assert here.status == there.status
        if here.status is Status.OK:
            assert here.miwv == pytest.approx(there.miwv, abs=1e-6)
            assert here.zero_shot_nll == pytest.approx(there.zero_shot_nll, abs=1e-6)


def test_a_missing_zero_shot_loss_is_computed():
    engine = scripted([3.0, 5.0], [1.0, 3.0], [2.0, 2.0])  # one-shot, zero-shot; one-shot
    first, second = miwv_scores(engine, [pair("a"), pair("b")], [None, 0.5])
    assert (first.one_shot_nll, first.zero_shot_nll, first.miwv) == (4.0, 2.0, 2.0)
    assert (second.one_shot_nll, second.zero_shot_nll, second.miwv) == (2.0, 0.5, 1.5)


def test_zero_shot_losses_must_match_the_pairs():
    with pytest.raises(ValueError):
        miwv_scores(scripted([1.0, 1.0]), [pair()], [0.5, 0.5])


def test_a_helpful_demo_ranks_below_a_useless_one():
    helped, hindered = miwv_scores(
        scripted([1.0, 1.0], [4.0, 4.0]), [pair("helped"), pair("hindered")], [2.0, 2.0]
    )
    assert helped.miwv == -1.0
    assert hindered.miwv == 2.0  # higher is selected first; no clipping, no normalisation


@given(st.lists(st.floats(0, 15), min_size=1, max_size=20), st.lists(st.floats(0, 15), min_size=1))
def test_exp_of_miwv_is_a_ratio_of_perplexities(one_shot, zero_shot):
    (score,) = miwv_scores(scripted(one_shot, zero_shot), [pair()])
    ratio = oracle.ifd(np.float32(one_shot).tolist(), np.float32(zero_shot).tolist())
    assert math.exp(score.miwv) == pytest.approx(ratio, rel=1e-9)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_is_never_ok(bad):
    broken, shared, fine = miwv_scores(
        scripted([1.0, bad], [1.0, 1.0], [3.0, 1.0]),
        [pair("broken"), pair("shared"), pair("fine")],
        [1.0, bad, 1.0],
    )
    assert broken.status is shared.status is Status.NON_FINITE_LOSS
    assert broken.miwv is shared.miwv is broken.one_shot_nll is None
    assert (fine.status, fine.miwv) == (Status.OK, 1.0)


def test_any_order_and_company_gives_the_same_values():
    engine = TokenLossEngine(causal_lm())
    together = miwv_scores(engine, pairs("added", "chat_template"))
    backwards = miwv_scores(engine, pairs("added", "chat_template")[::-1])[::-1]
    for here, there in zip(together, backwards, strict=True):
        assert (here.sample_id, here.status) == (there.sample_id, there.status)
        if here.status is Status.OK:
            assert here.miwv == pytest.approx(there.miwv, abs=2e-5)
    assert miwv_scores(engine, []) == []
