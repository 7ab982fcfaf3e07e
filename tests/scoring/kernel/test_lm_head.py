from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from tests.scoring.kernel.architectures import tiny
from tshirt_assets.scoring.kernel import lm_head
from tshirt_assets.scoring.kernel.linear import linear_into
from tshirt_assets.scoring.kernel.lm_head import LMHead
from tshirt_assets.scoring.kernel.precision import Precision

N, WIDTH, VOCABULARY = 7, 6, 53


def reference(head, hidden, targets):
    """The losses from the full logits, differentiable, in float64."""
    logits = hidden @ head.weight.double().t()
    if head.bias is not None:
        logits = logits + head.bias.double()
    logits = logits * head.scale
    if head.softcap is not None:
        logits = head.softcap * torch.tanh(logits / head.softcap)
    return F.cross_entropy(logits, targets, reduction="none")


@pytest.fixture(params=["plain", "bias", "scale", "softcap", "all"])
def head(request):
    draw = torch.Generator().manual_seed(1)
    weight = torch.randn(VOCABULARY, WIDTH, generator=draw)
    bias = torch.randn(VOCABULARY, generator=draw)
    return {
        "plain": LMHead(weight, None),
        "bias": LMHead(weight, bias),
        "scale": LMHead(weight, None, scale=0.25),
        "softcap": LMHead(weight, None, softcap=3.0),
        "all": LMHead(weight, bias, scale=2.0, softcap=4.0),
    }[request.param]


@pytest.fixture
def inputs():
    draw = torch.Generator().manual_seed(2)
    hidden = torch.randn(N, WIDTH, generator=draw)
    targets = torch.randint(VOCABULARY, (N,), generator=draw)
    targets[0], targets[1] = 0, VOCABULARY - 1
    return hidden, targets, torch.randn(N, generator=draw)


@pytest.mark.parametrize("block", [1, 10, VOCABULARY - 1, 1000])
@pytest.mark.parametrize("elements", [1, N * 10, N * VOCABULARY, 10**6])
def test_losses_and_gradient_are_those_of_full_logits(head, inputs, elements, block, monkeypatch):
    monkeypatch.setattr(lm_head, "_BLOCK", block)
    hidden, targets, coefficients = inputs
    exact = hidden.double().requires_grad_()
    expected = reference(head, exact, targets)
    (expected_gradient,) = torch.autograd.grad((coefficients.double() * expected).sum(), exact)
    losses = head.losses(hidden, targets, elements)
    again, gradient = head.losses_and_gradient(hidden, targets, coefficients, elements)
    assert losses.dtype == gradient.dtype == torch.float32
    assert torch.allclose(losses.double(), expected, atol=2e-6)
    assert torch.equal(again, losses)
    assert torch.allclose(gradient.double(), expected_gradient, atol=5e-6)


def test_half_precision_weights_and_states_are_used_in_float32(inputs):
    hidden, targets, _ = inputs
    weight = torch.randn(VOCABULARY, WIDTH, generator=torch.Generator().manual_seed(1)).bfloat16()
    head = LMHead(weight, None)
    losses = head.losses(hidden.bfloat16(), targets, 100)
    expected = reference(head, hidden.bfloat16().double(), targets)
    assert losses.dtype == torch.float32
    assert torch.allclose(losses.double(), expected, atol=2e-6)


def test_large_logits_do_not_overflow():
    head = LMHead(torch.eye(4) * 1e4, None)
    losses = head.losses(torch.eye(4)[:2], torch.tensor([0, 3]), 2)
    assert losses.tolist() == [0.0, 1e4]


def test_states_that_are_not_finite_give_losses_that_are_not(inputs):
    hidden, targets, _ = inputs
    hidden = hidden.clone()
    hidden[2] = torch.nan
    hidden[3, 0] = torch.inf
    head = LMHead(torch.ones(VOCABULARY, WIDTH), None)
    finite = torch.isfinite(head.losses(hidden, targets, 100))
    assert finite.tolist() == [True, True, False, False, True, True, True]


@pytest.mark.parametrize("kind", ["llama", "gemma2", "cohere", "granite"])
def test_head_of_a_model_repeats_its_logits(kind, monkeypatch):
    model = tiny(kind)
    hidden = torch.randn(5, 32, generator=torch.Generator().manual_seed(3))
    targets = torch.tensor([0, 1, 50, 198, 199])
    with torch.no_grad():
        decoder = type(model.get_decoder())  # the model is shared: nothing may stay in it
        with monkeypatch.context() as patch:
            patch.setattr(decoder, "forward", lambda *_, **__: _Output(hidden[None]))
            logits = model(inputs_embeds=hidden[None]).logits[0]
    expected = F.cross_entropy(logits, targets, reduction="none")
    with torch.no_grad():
        assert torch.allclose(
            LMHead.of(model, Precision("fp32", "cpu")).losses(hidden, targets, 99),
            expected,
            atol=1e-5,
        )


class _Output:
    """What a decoder returns, as far as the head looks at it."""

    past_key_values = hidden_states = attentions = None

    def __init__(self, hidden):
        self.last_hidden_state = hidden


@pytest.mark.parametrize(("elements", "rows"), [(1, 1), (8, 1), (25, 3), (56, 7), (999, 7)])
def test_no_more_logits_exist_than_allowed(head, inputs, elements, rows, monkeypatch):
    monkeypatch.setattr(lm_head, "_BLOCK", 8)
    sizes = []

    def spy(*args):
        product = linear_into(*args)
        sizes.append(product.numel())
        return product

    monkeypatch.setattr(lm_head, "linear_into", spy)
    head.losses(*inputs[:2], elements)
    assert max(sizes) == rows * 8
    assert sum(sizes) == N * VOCABULARY


def test_dozens_of_blocks_lose_no_digits():
    """Summed up in float32, they are off by more than 1e-5."""
    draw = torch.Generator().manual_seed(4)
    head = LMHead(torch.randn(40_000, 8, generator=draw), torch.full((40_000,), 20.0))
    hidden = torch.randn(200, 8, generator=draw)
    targets = torch.randint(40_000, (200,), generator=draw)
    losses = head.losses(hidden, targets, 10**6)
    assert torch.allclose(
        losses.double(), reference(head, hidden.double(), targets), atol=4e-6, rtol=0
    )


def test_losses_do_not_depend_on_how_many_rows_there_are(inputs):
    draw = torch.Generator().manual_seed(5)
    head = LMHead(torch.randn(5000, 64, generator=draw), None)
    hidden = torch.randn(300, 64, generator=draw)
    targets = torch.randint(5000, (300,), generator=draw)
    together = head.losses(hidden, targets, 10**6)
    apart = torch.cat([head.losses(hidden[:111], targets[:111], 10**5),
                       head.losses(hidden[111:], targets[111:], 10**7)])  # fmt: skip
    assert torch.allclose(apart, together, atol=4e-6)


@pytest.mark.parametrize("elements", [1, N * 10, N * VOCABULARY, 10**6])
def test_wide_blocks_give_the_losses_and_gradient_of_full_logits(head, inputs, elements):
    wide = replace(head, wide=True)
    hidden, targets, coefficients = inputs
    exact = hidden.double().requires_grad_()
    expected = reference(head, exact, targets)
    (expected_gradient,) = torch.autograd.grad((coefficients.double() * expected).sum(), exact)
    losses, gradient = wide.losses_and_gradient(hidden, targets, coefficients, elements)
    assert torch.allclose(losses.double(), expected, atol=2e-6)
    assert torch.allclose(gradient.double(), expected_gradient, atol=5e-6)


@pytest.mark.parametrize(
    ("rows", "elements", "block"),
    [
        (7, 7 * 5000, 5000),  # all of it
        (7, 7 * 100, 100),
        (4000, 512 * 5000, 5000),  # rows are divided before the vocabulary is
        (4000, 512 * 50, 50),
        (4000, 10, 1),
    ],
)
def test_a_wide_block_is_as_much_of_the_vocabulary_as_is_allowed(rows, elements, block):
    head = LMHead(torch.zeros(5000, 1), None, wide=True)
    assert head._block(rows, elements) == block
    assert replace(head, wide=False)._block(rows, elements) == 1024


@pytest.fixture
def short_products(monkeypatch):
    """The 16-bit product with float32 sums that CUDA has, on CPU."""
    taken = []
    whole = torch.mm

    def mm(left, right, *, out_dtype=None, out=None):
        if out is not None:
            return whole(left, right, out=out)
        taken.append(left.dtype)
        assert left.dtype == right.dtype
        assert out_dtype == torch.float32
        return whole(left.float(), right.float())

    monkeypatch.setattr(torch, "mm", mm)
    return taken


@pytest.mark.parametrize(("dtype", "near"), [(torch.float16, 3e-3), (torch.bfloat16, 3e-2)])
def test_16_bit_products_are_summed_in_float32(head, inputs, dtype, near, short_products):
    short = replace(head, wide=True, short=dtype)
    hidden, targets, coefficients = inputs
    exact = head.losses_and_gradient(hidden, targets, coefficients, 100)
    found = short.losses_and_gradient(hidden, targets, coefficients, 100)
    for one, other in zip(found, exact, strict=True):
        assert one.dtype == torch.float32
        assert torch.allclose(one, other, atol=3 * near, rtol=near)
    assert set(short_products) == {dtype}


def test_small_shares_do_not_vanish_in_16_bits(short_products):
    """Thirty thousand words with 1e-8 each, below the least float16 number, still have a slope."""
    weight = torch.zeros(30_001, 1)
    weight[:-1] = 1.0
    head = LMHead(weight, torch.cat([torch.full((30_000,), -18.4), torch.zeros(1)]), wide=True)
    arguments = torch.zeros(1, 1), torch.tensor([30_000]), torch.ones(1), 10**6
    _, exact = head.losses_and_gradient(*arguments)
    _, found = replace(head, short=torch.float16).losses_and_gradient(*arguments)
    assert found == pytest.approx(exact, rel=0.02)


def test_a_16_bit_overflow_is_not_a_number_in_its_own_row_only(inputs, short_products):
    hidden, targets, _ = inputs
    hidden = hidden.clone()
    hidden[2, 0] = 1e6
    head = LMHead(torch.ones(VOCABULARY, WIDTH), None, wide=True, short=torch.float16)
    finite = torch.isfinite(head.losses(hidden, targets, 100))
    assert finite.tolist() == [True, True, False, True, True, True, True]


def test_a_model_on_cuda_has_a_wide_head():
    model = tiny("llama")
    assert not LMHead.of(model, Precision("fp16", "cpu")).wide
    assert LMHead.of(model, Precision("fp16", "cpu")).short is None
    assert LMHead.of(model, Precision("fp16", "cuda")).short is torch.float16
    assert LMHead.of(model, Precision("tf32", "cuda")).wide
    assert LMHead.of(model, Precision("tf32", "cuda")).short is None
