import pytest
import torch
import torch.nn.functional as F

from tshirt_assets.scoring.kernel import linear
from tshirt_assets.scoring.kernel.linear import (
    OneDnnLinear,
    linear_into,
    onednn_is_exact,
    reused_space,
)


@pytest.fixture
def calls(monkeypatch):
    """Shapes of the products that went to oneDNN."""
    seen = []
    original = linear._onednn

    def spy(input, weight, bias):
        seen.append((tuple(input.shape), tuple(weight.shape)))
        return original(input, weight, bias)

    monkeypatch.setattr(linear, "_onednn", spy)
    return seen


def draw(*shape, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=dtype)


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize(("rows", "width", "out"), [(16, 32, 16), (65, 576, 192), (40, 1000, 48)])
def test_results_are_those_of_the_product(calls, rows, width, out, with_bias):
    input, weight = draw(1, rows, width), draw(out, width)
    bias = draw(out) if with_bias else None
    with OneDnnLinear():
        result = F.linear(input, weight, bias)
    exact = F.linear(input.double(), weight.double(), None if bias is None else bias.double())
    assert calls == [((1, rows, width), (out, width))]
    assert torch.allclose(result.double(), exact, atol=1e-5 * width**0.5)
    if onednn_is_exact():
        assert torch.equal(result, F.linear(input, weight, bias))


def test_products_as_gpt2_writes_them_are_taken_over(calls):
    input, weight, bias = draw(20, 48), draw(48, 96), draw(96)
    with OneDnnLinear():
        result = torch.addmm(bias, input, weight)
    assert len(calls) == 1
    assert torch.allclose(result, torch.addmm(bias, input, weight), atol=1e-5)


def test_gradient_reaches_the_input(calls):
    input, weight, bias = draw(20, 208).requires_grad_(), draw(30, 208), draw(30)
    upstream = draw(20, 30)
    with OneDnnLinear():
        (gradient,) = torch.autograd.grad(F.linear(input, weight, bias), input, upstream)
    assert len(calls) == 2  # forward and backward
    assert torch.allclose(gradient.double(), upstream.double() @ weight.double(), atol=1e-4)


@pytest.mark.parametrize(
    "case", ["half", "few_rows", "few_columns", "short_last_block", "trainable", "keywords", "left"]
)
def test_anything_else_is_left_to_pytorch(calls, case):
    input, weight = draw(20, 32), draw(16, 32)
    with OneDnnLinear():
        if case == "half":
            F.linear(input.half(), weight.half())
        elif case == "few_rows":
            F.linear(input[:15], weight)
        elif case == "few_columns":
            F.linear(input, weight[:15])
        elif case == "short_last_block":
            F.linear(draw(20, 200), draw(16, 200))
        elif case == "trainable":
            assert F.linear(input, weight.requires_grad_()).requires_grad
        elif case == "keywords":
            F.linear(input, weight=weight)
    if case == "left":
        F.linear(input, weight)
    assert not calls


@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("there_is_space", [False, True])
def test_products_one_after_the_other_in_the_same_memory(with_bias, there_is_space, monkeypatch):
    monkeypatch.setattr(linear, "onednn_is_exact", lambda: not there_is_space)
    input, bias = draw(20, 48), draw(96) if with_bias else None
    space, places = reused_space(input, 96), set()
    assert (space is not None) is there_is_space
    for columns in (96, 33):
        weight, own = draw(columns, 48), None if bias is None else bias[:columns]
        product = linear_into(space, input, weight, own)
        assert torch.equal(product, F.linear(input, weight, own))
        places.add(product.data_ptr())
    assert not there_is_space or places == {space.data_ptr()}
