"""Attention over a pack in one call, with the CUDA kernels emulated on a CPU."""

import copy

import numpy as np
import pytest
import torch

from tests.oracle import token_losses
from tests.scoring.kernel.architectures import VOCABULARY, tiny
from tests.scoring.kernel.emulation import attend, emulated
from tshirt_assets.scoring.kernel import self_test
from tshirt_assets.scoring.kernel.one_call import one_call_attention
from tshirt_assets.scoring.kernel.packing import Pack
from tshirt_assets.scoring.kernel.precision import Precision
from tshirt_assets.scoring.kernel.token_loss import LossRequest, TokenLossEngine

CPU = torch.device("cpu")
LENGTHS = [30, 7, 22, 2, 7]


@pytest.fixture
def calls():
    with emulated() as found:
        yield found


@pytest.fixture
def on_cuda(calls, monkeypatch):
    """Let models choose as they would on CUDA."""

    def layouts(model, device):
        if not self_test._length_dependence(model.config):
            yield "one call"
        yield "separate"

    monkeypatch.setattr(self_test, "_layouts", layouts)
    return calls


def requests():
    draw = np.random.default_rng(3)
    return [LossRequest(draw.integers(0, VOCABULARY, n), max(1, n // 2)) for n in LENGTHS]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("shared", [1, 3])
def test_the_kernel_gets_the_whole_pack(dtype, window, shared, calls):
    pack = Pack.of([np.arange(n) for n in LENGTHS], [1] * 5, CPU, one_call=True)
    assert pack.spans.bounds.tolist() == [0, 30, 52, 59, 66, 68]  # in order of falling length
    assert pack.spans.longest == 30
    assert not pack.groups
    query = torch.randn(68, 6, 8).to(dtype)
    key, value = torch.randn(2, 68, 6 // shared, 8).to(dtype)
    found = one_call_attention(query, key, value, pack.spans, scaling=0.3, window=window)
    assert sum(calls.values()) == 1
    assert torch.equal(found, attend(query, key, value, pack.spans.bounds, 0.3, window))


@pytest.mark.parametrize(
    "kind", ["gpt2", "llama", "qwen2", "mistral", "gemma", "gemma3", "granite"]
)
def test_losses_are_those_of_one_sequence_at_a_time(kind, on_cuda):
    engine = TokenLossEngine(tiny(kind))
    assert engine._forward.name == "one call"
    on_cuda.clear()
    for request, own in zip(requests(), engine.losses(requests()), strict=True):
        expected = token_losses(tiny(kind), request.ids, request.n_scored, None)
        assert own == pytest.approx(expected, abs=2e-5)
    assert on_cuda == {"efficient": 2}  # one a layer


@pytest.mark.parametrize("kind", ["gpt2", "llama", "mistral", "gemma"])
@pytest.mark.parametrize("budget", [1024, 10])  # 10: the layers run again in the backward pass
def test_gradients_are_those_of_groups(kind, budget, on_cuda):
    batch = requests()
    weights = [np.linspace(-1, 1, r.n_scored, dtype=np.float32) for r in batch]
    engine = TokenLossEngine(tiny(kind), token_budget=budget)
    assert engine._forward.name == "one call"
    found = list(engine.embedding_gradients(batch, weights))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(self_test, "_layouts", lambda *_: ["packed"])
        patch.setattr(self_test, "replacements", lambda *_: ())
        plain = TokenLossEngine(tiny(kind), token_budget=budget)
    assert plain._forward.name == "packed"
    for one, other in zip(found, plain.embedding_gradients(batch, weights), strict=True):
        assert one.requests == other.requests
        assert torch.allclose(one.losses, other.losses, atol=1e-5)
        assert torch.allclose(one.gradient, other.gradient, atol=1e-5, rtol=1e-4)


def test_soft_capped_attention_is_not_packed(on_cuda):
    assert TokenLossEngine(tiny("gemma2"))._forward.name == "separate"


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
@pytest.mark.parametrize("name", ["fp16", "bf16"])
def test_16_bit_products_take_the_flash_kernel(kind, name, on_cuda):
    engine = TokenLossEngine(tiny(kind), precision=name)
    assert engine._forward.name == "one call"
    on_cuda.clear()
    exact = TokenLossEngine(tiny(kind))
    on_cuda.clear()
    pairs = zip(engine.losses(requests()), exact.losses(requests()), strict=True)
    assert max(float(np.abs(a - b).max()) for a, b in pairs) < (0.03 if name == "fp16" else 0.3)
    assert on_cuda == {"flash": 2, "efficient": 2}
    ones = [np.ones(r.n_scored, np.float32) for r in requests()]
    assert all(p.gradient.isfinite().all() for p in engine.embedding_gradients(requests(), ones))


def test_a_kernel_that_this_device_lacks_is_said_and_not_used(monkeypatch, caplog):
    monkeypatch.setattr(self_test, "_layouts", lambda *_: ["one call", "packed"])
    with caplog.at_level("INFO"):
        assert TokenLossEngine(tiny("llama"))._forward.name == "packed"
    [said] = [r.getMessage() for r in caplog.records if "one call forward fails" in r.getMessage()]
    assert "NotImplementedError" in said


def test_a_wrong_backward_pass_is_found(on_cuda, monkeypatch, caplog):
    from tshirt_assets.scoring.kernel import one_call

    run = one_call._efficient

    def efficient(query, key, value, *rest):
        return run(query, key, value.detach(), *rest)

    monkeypatch.setattr(one_call, "_efficient", efficient)
    with caplog.at_level("INFO"):
        assert TokenLossEngine(tiny("llama"))._forward.name == "separate"
    assert "one call forward is off by" in caplog.text


def test_an_overflow_stays_in_its_own_sequence(on_cuda):
    model = copy.deepcopy(tiny("llama"))
    engine = TokenLossEngine(model, precision="fp16")
    with torch.no_grad():
        model.get_input_embeddings().weight[7] = torch.inf
    good, bad = np.arange(10, 20), np.array([7, 8, 9, 10])
    losses = engine.losses([LossRequest(good, 5), LossRequest(bad, 3)])
    assert np.isfinite(losses[0]).all()
    assert not np.isfinite(losses[1]).any()


def test_precision_of_the_test_is_the_one_of_the_run(on_cuda, monkeypatch):
    """A kernel that is right in float32 and wrong in 16 bits is not used in 16 bits."""
    from tshirt_assets.scoring.kernel import one_call

    run = one_call._flash
    monkeypatch.setattr(one_call, "_flash", lambda *a: run(*a) * 3)
    assert TokenLossEngine(tiny("llama"), precision="fp16")._forward.name == "separate"
    assert TokenLossEngine(tiny("llama"), precision="fp32")._forward.name == "one call"
    assert Precision("fp16", "cpu").short is torch.float16


@pytest.mark.parametrize("where", ["forward", "head", "gradient"])
def test_out_of_memory_halves_the_budget(where, on_cuda, monkeypatch):
    engine = TokenLossEngine(tiny("llama"), token_budget=64)
    head = type(engine._forward._head)
    owner, name = {
        "forward": (type(engine._forward), "_hidden"),
        "head": (head, "losses"),
        "gradient": (head, "losses_and_gradient"),
    }[where]
    own = getattr(owner, name)

    def small_only(self, states, *rest):
        if len(states) > 24:
            raise torch.OutOfMemoryError("full")
        return own(self, states, *rest)

    batch = [LossRequest(np.arange(12), 11) for _ in range(6)]
    expected = engine.losses(batch)[0]
    monkeypatch.setattr(owner, name, small_only)
    if where == "gradient":
        ones = [np.ones(11, np.float32)] * 6
        packs = list(engine.embedding_gradients(batch, ones))
        assert sorted(index for pack in packs for index in pack.requests) == list(range(6))
        assert engine._gradient_limits.tokens < 64
    else:
        assert all(own == pytest.approx(expected, abs=1e-5) for own in engine.losses(batch))
        assert engine._limits.tokens < 64
