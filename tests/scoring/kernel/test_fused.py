"""Parts of a model that are done faster: recognised by what they compute, used only for us."""

import copy
import sys
from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from transformers.activations import ACT2FN

from tests.scoring.kernel.architectures import tiny
from tshirt_assets.scoring.kernel import fused
from tshirt_assets.scoring.kernel.fused import Replacement, in_place, replacements, tanh_gelu
from tshirt_assets.scoring.kernel.precision import Precision
from tshirt_assets.scoring.kernel.rotary import rotate
from tshirt_assets.scoring.kernel.token_loss import LossRequest, TokenLossEngine

FP32 = Precision("fp32", "cpu")


def kinds(model, *, precision=FP32):
    found = replacements(model, precision)
    return dict(Counter(entry.kind for entry in found))


def with_activation(name):
    model = copy.deepcopy(tiny("gpt2"))
    for block in model.transformer.h:
        block.mlp.act = ACT2FN[name] if isinstance(name, str) else name
    return model


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("gpt2", {"GELU": 2}),
        ("llama", {"RMSNorm": 5, "rotary embedding": 1}),
        ("gemma", {"RMSNorm of 1 + weight": 5, "rotary embedding": 1, "GELU": 2}),
        ("bloom", {"GELU": 2}),
    ],
)
def test_modules_are_known_by_what_they_compute(kind, expected):
    assert kinds(tiny(kind)) == expected
    assert kinds(tiny(kind), precision=Precision("bf16", "cpu")) == expected


@pytest.mark.parametrize("scale", [1e-6, 0.1, 1.0, 30.0, 1e30])
def test_gelu_is_that_of_pytorch_within_its_rounding(scale):
    x = scale * torch.randn(3, 50, 40, generator=torch.Generator().manual_seed(1))
    exact = F.gelu(x.double(), approximate="tanh")
    assert (tanh_gelu(x) - exact).abs().max() <= 3e-7 * exact.abs().max()
    for kind in (torch.bfloat16, torch.float64):  # left to PyTorch
        expected = F.gelu(x.to(kind), approximate="tanh")
        assert torch.equal(tanh_gelu(x.to(kind)), expected)


def test_gelu_has_the_gradient_of_pytorch():
    x = torch.randn(20, 8, generator=torch.Generator().manual_seed(1)).requires_grad_()
    ours = torch.autograd.grad(tanh_gelu(x).sum(), x)[0]
    assert torch.equal(ours, torch.autograd.grad(F.gelu(x, approximate="tanh").sum(), x)[0])


def test_a_model_without_such_parts_runs_as_it_is_and_this_is_said_once(caplog):
    model = with_activation("relu")
    with caplog.at_level("INFO"):
        engine = TokenLossEngine(model)
    assert not engine._forward._replaced
    said = [r.getMessage() for r in caplog.records if "runs as it is" in r.getMessage()]
    assert said == ["token losses: done faster: no module, the model runs as it is"]


class Kernels:
    """In place of the Triton kernels, which exist on CUDA only."""

    @staticmethod
    def gated(gate, up):
        return F.silu(gate) * up

    @staticmethod
    def rotate(*arguments):
        return rotate(*arguments)


@pytest.fixture
def kernels(monkeypatch):
    monkeypatch.setattr(fused, "_kernels", lambda device: Kernels)
    return Kernels


@pytest.mark.parametrize("kind", ["llama", "mistral", "qwen2"])
def test_a_feed_forward_part_is_known_by_its_shapes_and_numbers(kind, kernels):
    assert kinds(tiny(kind)) == {"SwiGLU": 2, "RMSNorm": 5, "rotary embedding": 1}
    assert kinds(tiny(kind), precision=Precision("bf16", "cpu"))["SwiGLU"] == 2


@pytest.mark.parametrize("kind", ["gemma", "gpt2", "bloom"])
def test_a_part_with_another_gate_or_none_is_left_alone(kind, kernels):
    assert "SwiGLU" not in kinds(tiny(kind))


def test_losses_and_gradients_go_through_the_gated_part(kernels, monkeypatch):
    model, calls = copy.deepcopy(tiny("llama")), []
    own = Kernels.gated
    requests = [LossRequest(torch.arange(n).numpy(), n - 1) for n in (9, 30)]
    expected = TokenLossEngine(model).losses(requests)
    replaced = replacements(model, FP32)
    monkeypatch.setattr(Kernels, "gated", lambda *states: calls.append(1) or own(*states))
    engine = TokenLossEngine(model)
    assert len(engine._forward._replaced) == len(replaced)
    calls.clear()
    for one, other in zip(engine.losses(requests), expected, strict=True):
        assert one == pytest.approx(other, abs=1e-5)
    assert len(calls) == 2


def test_a_kernel_that_turns_otherwise_gives_way_to_operations(kernels, monkeypatch):
    def other_way(query, key, cos, sin):
        return rotate(query, key, cos, -sin)

    monkeypatch.setattr(Kernels, "rotate", other_way)
    [entry] = [e for e in replacements(tiny("llama"), FP32) if "rot" in e.kind]
    assert entry.function is rotate


def test_without_triton_operations_serve(monkeypatch, caplog):
    name = "tshirt_assets.scoring.kernel.layer_kernel"
    monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delattr(name, raising=False)
    with caplog.at_level("INFO"):
        assert fused._kernels(torch.device("cuda", 0)) is None
    assert "Triton cannot be used" in caplog.text
    assert fused._kernels(torch.device("cpu")) is None


class AlmostGelu(torch.nn.Module):
    def forward(self, x):
        return F.gelu(x, approximate="tanh") * 1.0001


class Moody(torch.nn.Module):
    def forward(self, x, mood):
        return x


@pytest.mark.parametrize("activation", ["gelu", "silu", "quick_gelu", AlmostGelu(), Moody()])
def test_what_computes_something_else_is_left_alone(activation):
    assert kinds(with_activation(activation)) == {}


@pytest.mark.parametrize("name", ["gelu_new", "gelu_python_tanh", "gelu_fast"])
def test_a_gelu_is_known_whatever_the_order_of_its_steps(name):
    assert kinds(with_activation(name)) == {"GELU": 2}


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_losses_on_cpu_are_those_of_the_model_as_it_is(kind, monkeypatch):
    requests = [LossRequest(torch.arange(n).numpy(), n - 1) for n in (9, 30, 30, 4)]
    faster = TokenLossEngine(tiny(kind))
    assert len(faster._forward._replaced) == len(replacements(tiny(kind), FP32)) > 0
    monkeypatch.setattr("tshirt_assets.scoring.kernel.self_test.replacements", lambda *_: ())
    plain = TokenLossEngine(tiny(kind))
    for one, other in zip(faster.losses(requests), plain.losses(requests), strict=True):
        assert one == pytest.approx(other, abs=5e-6)


def test_to_everyone_else_the_model_stays_as_it_is():
    module, scope = torch.nn.ReLU(), {}
    own = module.forward
    entries = [
        Replacement(vars(module), "forward", torch.neg, "x"),
        Replacement(scope, "f", torch.neg, "y"),
    ]
    with in_place(entries):
        assert module(torch.ones(1)) == -1
        assert "f" in scope
    with pytest.raises(ZeroDivisionError), in_place(entries):
        raise ZeroDivisionError
    assert module.forward == own
    assert "forward" not in vars(module)
    assert not scope


def test_the_gradient_of_a_rotation_is_its_transpose():
    draw = torch.Generator().manual_seed(0)
    query = torch.randn(1, 3, 5, 8, generator=draw, dtype=torch.float64).requires_grad_()
    key = torch.randn(1, 1, 5, 8, generator=draw, dtype=torch.float64).requires_grad_()
    angle = torch.randn(1, 5, 8, generator=draw, dtype=torch.float64)
    assert torch.autograd.gradcheck(rotate, (query, key, angle.cos(), angle.sin()))


def test_on_cpu_a_rotation_is_to_the_last_bit_that_of_the_model():
    """A product that is added unrounded moves the losses of a real row of SmolLM2 by 1e-4."""
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    draw = torch.Generator().manual_seed(0)
    query, key = (torch.randn(1, heads, 40, 64, generator=draw) for heads in (9, 3))
    angle = torch.randn(1, 40, 32, generator=draw).repeat(1, 1, 2)
    arguments = query, key, angle.cos(), angle.sin()
    pairs = zip(rotate(*arguments), apply_rotary_pos_emb(*arguments), strict=True)
    assert all(torch.equal(own, theirs) for own, theirs in pairs)
