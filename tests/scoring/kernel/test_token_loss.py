import copy
import logging

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle import token_losses
from tests.scoring.kernel.architectures import POSITIONS, VOCABULARY, tiny
from tests.tiny import threads
from tshirt_assets.scoring.kernel.noise import CounterNoise, noise_key
from tshirt_assets.scoring.kernel.token_loss import LossRequest, TokenLossEngine

KINDS = ["gpt2", "llama", "qwen2", "mistral", "gemma", "gemma2", "granite", "bloom", "odd_head"]
ENGINES: dict[tuple[str, int], TokenLossEngine] = {}


def engine_of(kind, token_budget=1024):
    key = kind, token_budget
    if key not in ENGINES:
        ENGINES[key] = TokenLossEngine(tiny(kind), token_budget=token_budget)
    return ENGINES[key]


def request_of(seed, length, n_scored, eps=0.0):
    draw = np.random.default_rng(seed)
    noise = CounterNoise(noise_key(seed, "s", length), eps, draw.permutation(length))
    return LossRequest(draw.integers(0, VOCABULARY, length), n_scored, noise if eps else None)


def gradients_of(engine, batch, coefficients):
    """(index, losses, gradient) of every request, pack by pack."""
    for pack in engine.embedding_gradients(batch, coefficients):
        losses = pack.losses.split([batch[index].n_scored for index in pack.requests])
        for index, start, own in zip(pack.requests, pack.starts, losses, strict=True):
            gradient = pack.gradient[start : start + len(batch[index].ids)]
            yield index, own.numpy(), gradient


@st.composite
def requests(draw):
    length = draw(st.integers(2, POSITIONS))
    n_scored = draw(st.integers(1, length - 1))
    return request_of(
        draw(st.integers(0, 999)), length, n_scored, draw(st.sampled_from([0.0, 0.1]))
    )


def expected_losses(kind, request):
    noise = None
    if request.noise is not None:
        noise = request.noise.values(32, torch.device("cpu"))
    return token_losses(tiny(kind), request.ids, request.n_scored, noise)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_losses_are_those_of_one_sequence_at_a_time(kind, data):
    batch = data.draw(st.lists(requests(), min_size=1, max_size=8))
    budget = data.draw(st.sampled_from([1, 40, 100, 1024]))
    losses = engine_of(kind, budget).losses(batch)
    for request, own in zip(batch, losses, strict=True):
        assert own.dtype == np.float32
        assert own == pytest.approx(expected_losses(kind, request), abs=2e-5)


@st.composite
def beginning_alike(draw):
    """Requests that begin with the first tokens of one and the same sequence."""
    lead = np.random.default_rng(7).integers(0, VOCABULARY, POSITIONS)
    batch = []
    for _ in range(draw(st.integers(2, 6))):
        request = draw(requests())
        common = draw(st.integers(0, len(request.ids)))
        ids = np.concatenate([lead[:common], request.ids[common:]])
        batch.append(request._replace(ids=ids))
    return batch


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(batch=beginning_alike(), budget=st.sampled_from([40, 100, 1024]))
def test_requests_that_begin_alike_get_their_own_losses(kind, batch, budget):
    losses = engine_of(kind, budget).losses(batch)
    for request, own in zip(batch, losses, strict=True):
        assert own == pytest.approx(expected_losses(kind, request), abs=2e-5)


def test_a_common_beginning_runs_once_unless_noise_is_in_it():
    engine, lead = engine_of("llama"), np.arange(40)
    batch = [LossRequest(np.append(lead, [n, n]), 2) for n in range(5)]
    noisy = [batch[0]._replace(noise=CounterNoise(7, 0.1, np.arange(42)))] * 2
    assert n_run(engine, lambda: engine.losses(batch)) == 40 + 5 * 2
    assert n_run(engine, lambda: engine.losses([batch[0]] * 5)) == 42
    assert n_run(engine, lambda: engine.losses(noisy)) == 2 * 42
    gradients = engine.embedding_gradients(batch, [np.ones(2)] * 5)
    assert n_run(engine, lambda: list(gradients)) == 5 * 42


def test_equal_requests_do_not_fill_a_pass_with_scored_tokens(monkeypatch):
    engine, sizes = engine_of("llama", 100), []
    losses = engine._forward.losses
    monkeypatch.setattr(
        engine._forward,
        "losses",
        lambda embeds, pack, limit: sizes.append(len(pack.targets)) or losses(embeds, pack, limit),
    )
    found = engine.losses([LossRequest(np.arange(41), 40)] * 7)
    assert sum(sizes) == 7 * 40
    assert max(sizes) <= 100
    assert all(np.array_equal(own, found[0]) for own in found)


def n_run(engine, work):
    """Tokens that pass through the decoder's first layer."""
    seen = []
    layer = engine._forward._model.get_decoder().layers[0]
    hook = layer.register_forward_pre_hook(lambda module, args: seen.append(args[0].shape[1]))
    work()
    hook.remove()
    return sum(seen)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
@settings(max_examples=15, deadline=None)
@given(batch=st.lists(requests(), min_size=2, max_size=10), data=st.data())
def test_losses_do_not_depend_on_order_or_company(kind, batch, data):
    reference = engine_of(kind).losses(batch)
    order = data.draw(st.permutations(range(len(batch))))
    cut = data.draw(st.integers(0, len(batch)))
    engine = engine_of(kind, data.draw(st.sampled_from([1, 64, 200])))
    parts = [order[:cut], order[cut:]]
    losses = [own for part in parts for own in engine.losses([batch[i] for i in part])]
    for index, own in zip(order, losses, strict=True):
        assert own == pytest.approx(reference[index], abs=2e-5)


def test_losses_do_not_depend_on_the_number_of_threads():
    batch = [request_of(n, n, n // 2, 0.1) for n in (64, 40, 40, 12)]
    alone = engine_of("llama").losses(batch)
    with threads(2):
        together = engine_of("llama").losses(batch)
    assert np.concatenate(together) == pytest.approx(np.concatenate(alone), abs=2e-5)


@pytest.mark.parametrize("kind", ["llama", "mistral"])
def test_padded_attention_groups_as_used_on_cuda_give_the_same(kind, monkeypatch):
    batch = [request_of(n, n, n // 2, 0.1) for n in (64, 60, 50, 49, 30, 12, 2)]
    engine = engine_of(kind)
    expected = engine.losses(batch)
    monkeypatch.setattr(engine, "_slack", 0.25)
    for own, other in zip(engine.losses(batch), expected, strict=True):
        assert own == pytest.approx(other, abs=2e-5)


def test_noise_of_any_kind_is_added_to_the_embeddings():
    class Given:
        def values(self, width, device):
            return torch.full((9, width), 0.25, device=device)

    plain, counter = request_of(1, 9, 4), request_of(2, 12, 5, 0.3)
    given_noise = LossRequest(plain.ids, plain.n_scored, Given())
    losses = engine_of("llama").losses([counter, given_noise, plain])
    for request, own, kind in zip(
        [counter, plain], [losses[0], losses[2]], ["c", "p"], strict=True
    ):
        assert own == pytest.approx(expected_losses("llama", request), abs=2e-5), kind
    shifted = token_losses(tiny("llama"), plain.ids, 4, np.full((9, 32), 0.25, np.float32))
    assert losses[1] == pytest.approx(shifted, abs=2e-5)
    assert np.abs(losses[1] - losses[2]).max() > 1e-3


def test_embeddings_are_perturbed_behind_the_scaling_of_gemma():
    # The embedding module of Gemma multiplies by sqrt(32); noise is not multiplied.
    request = request_of(3, 20, 10, 0.2)
    ids = torch.from_numpy(request.ids)
    model = tiny("gemma")
    embeds = model.model.embed_tokens.weight[ids] * 32**0.5
    embeds = embeds + request.noise.values(32, torch.device("cpu"))
    with torch.no_grad():
        logits = model(inputs_embeds=embeds[None]).logits[0, 9:-1]
    expected = torch.nn.functional.cross_entropy(logits, ids[10:], reduction="none")
    (losses,) = engine_of("gemma").losses([request])
    assert losses == pytest.approx(expected.numpy(), abs=2e-5)


def test_ids_without_an_embedding_give_nan_for_that_request_alone():
    good, bad = request_of(0, 10, 5), request_of(1, 10, 3)
    for wrong in (-1, VOCABULARY):
        bad.ids[0] = wrong
        losses = engine_of("llama").losses([bad, good])
        assert losses[0].shape == (3,)
        assert np.isnan(losses[0]).all()
        assert losses[1] == pytest.approx(expected_losses("llama", good), abs=2e-5)
        gradients = gradients_of(engine_of("llama"), [bad, good], [np.ones(3), np.ones(5)])
        assert [index for index, _, _ in gradients] == [1]


def test_ids_that_the_head_lacks_give_nan():
    model = copy.deepcopy(tiny("llama"))
    model.set_input_embeddings(torch.nn.Embedding(VOCABULARY + 8, 32))
    request = request_of(0, 10, 5)
    request.ids[-1] = VOCABULARY
    (losses,) = TokenLossEngine(model).losses([request])
    assert np.isnan(losses).all()


def test_nothing_to_score_is_no_error():
    assert engine_of("llama").losses([]) == []
    assert list(engine_of("llama").embedding_gradients([], [])) == []


@pytest.mark.parametrize(
    ("length", "n_scored", "message"),
    [
        (5, 0, "0 of 5 tokens"),
        (5, 5, "5 of 5 tokens"),
        (0, 1, "1 of 0 tokens"),
        (POSITIONS + 1, 3, f"{POSITIONS + 1} tokens, but the model has {POSITIONS} positions"),
    ],
)
def test_requests_that_callers_must_not_make_are_refused(length, n_scored, message):
    with pytest.raises(ValueError, match=message):
        engine_of("gpt2").losses([request_of(0, length, n_scored)])


def test_a_model_in_training_mode_is_refused():
    model = type(tiny("llama"))(tiny("llama").config)
    with pytest.raises(ValueError, match="eval"):
        TokenLossEngine(model.train())


def test_engine_describes_itself():
    engine = engine_of("gpt2")
    assert (engine.width, engine.max_positions, engine.precision) == (32, POSITIONS, "fp32")
    assert engine.device == torch.device("cpu")


class FullDevice:
    """A forward that runs out of memory above a number of tokens."""

    def __init__(self, forward, capacity):
        self.forward, self.capacity, self.tokens = forward, capacity, []

    def __getattr__(self, name):
        def run(embeds, *args, **kwargs):
            self.tokens.append(len(embeds))
            if len(embeds) > self.capacity:
                raise torch.OutOfMemoryError("CUDA out of memory (not really)")
            return getattr(self.forward, name)(embeds, *args, **kwargs)

        return run


@pytest.mark.parametrize("gradients", [False, True])
def test_running_out_of_memory_halves_the_budget_and_goes_on(gradients, monkeypatch, caplog):
    engine = TokenLossEngine(tiny("llama"), token_budget=400)
    batch = [request_of(n, 20, 10) for n in range(30)]
    expected = engine.losses(batch)
    full = FullDevice(engine._forward, 120)
    monkeypatch.setattr(engine, "_forward", full)
    with caplog.at_level(logging.WARNING):
        if gradients:
            done = gradients_of(engine, batch, [np.ones(10)] * 30)
            losses = {index: own for index, own, _ in done}
            losses = [losses[index] for index in range(30)]
        else:
            losses = engine.losses(batch)
    assert np.concatenate(losses) == pytest.approx(np.concatenate(expected), abs=2e-5)
    assert full.tokens == [400, 200, *[100] * 6]
    assert [r.getMessage() for r in caplog.records] == [
        f"out of memory: going on with {tokens} tokens per pass" for tokens in (200, 100)
    ]
    if not gradients:
        full.tokens.clear()
        engine.losses(batch)
        assert full.tokens == [100] * 6  # the lesson is kept


def test_a_request_that_never_fits_is_an_error(monkeypatch):
    engine = TokenLossEngine(tiny("llama"), token_budget=64)
    monkeypatch.setattr(engine, "_forward", FullDevice(engine._forward, 10))
    with pytest.raises(torch.OutOfMemoryError):
        engine.losses([request_of(0, 20, 10)])


@pytest.mark.parametrize("kind", ["gpt2", "llama", "gemma2"])
@pytest.mark.parametrize("token_budget", [16, 1024])
def test_gradients_are_those_of_autograd(kind, token_budget):
    batch = [request_of(n, n, n // 3, 0.1 * (n % 2)) for n in (40, 13, 33, 40, 7, 64)]
    draw = np.random.default_rng(1)
    coefficients = [draw.normal(size=request.n_scored) for request in batch]
    model, seen = tiny(kind), []
    done = gradients_of(engine_of(kind, token_budget), batch, coefficients)
    for index, losses, gradient in done:
        seen.append(index)
        request = batch[index]
        assert losses == pytest.approx(expected_losses(kind, request), abs=2e-5)
        ids = torch.from_numpy(request.ids)
        embeds = model.get_input_embeddings()(ids).detach()
        if request.noise is not None:
            embeds += request.noise.values(32, torch.device("cpu"))
        embeds.requires_grad_()
        logits = model(inputs_embeds=embeds[None]).logits[0, -request.n_scored - 1 : -1]
        each = torch.nn.functional.cross_entropy(logits, ids[-request.n_scored :], reduction="none")
        weighted = (torch.from_numpy(coefficients[index]) * each).sum()
        (expected,) = torch.autograd.grad(weighted, embeds)
        assert gradient.shape == expected.shape
        assert (gradient - expected).norm() < 1e-5 * expected.norm()
    assert sorted(seen) == list(range(len(batch)))


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_short_formats_stay_close_to_float32(precision):
    batch = [request_of(n, n, n // 2, 0.1) for n in (50, 50, 31, 12)]
    engine = TokenLossEngine(tiny("llama"), precision=precision)
    assert engine.precision == precision
    exact = np.concatenate(engine_of("llama").losses(batch))
    found = np.concatenate(engine.losses(batch))
    assert found.dtype == np.float32
    error = np.abs(found - exact).max()
    assert 1e-5 < error < {"fp16": 0.05, "bf16": 0.4}[precision]


@pytest.mark.parametrize("kind", ["gemma3n", "gemma4"])
def test_a_model_that_needs_its_ids_gives_its_own_clean_losses_and_refuses_noise(kind):
    model, engine = tiny(kind), engine_of(kind, 100)
    assert not engine.takes_noise
    batch = [request_of(seed, length, length // 2) for seed, length in enumerate((30, 21, 21, 9))]
    for request, own in zip(batch, engine.losses(batch), strict=True):
        expected = token_losses(model, request.ids, request.n_scored)
        assert own == pytest.approx(expected, abs=5e-5)
    with pytest.raises(ValueError, match="takes no perturbed embeddings"):
        engine.losses([request_of(0, 9, 4, eps=0.1)])
    with pytest.raises(ValueError, match="takes no perturbed embeddings"):
        next(engine.embedding_gradients(batch, [np.ones(r.n_scored) for r in batch]))
