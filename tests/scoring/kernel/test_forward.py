import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.scoring.kernel.architectures import POSITIONS, tiny
from tshirt_assets.scoring.kernel.forward import LogitsForward, recomputed
from tshirt_assets.scoring.kernel.packing import Pack
from tshirt_assets.scoring.kernel.precision import Precision
from tshirt_assets.scoring.kernel.self_test import choose_forward

CPU = torch.device("cpu")
FP32 = Precision("fp32", "cpu")
ELEMENTS = 10_000


def pack_of(lengths, slack=0.0):
    draw = np.random.default_rng(4)
    ids = [draw.integers(0, 200, length) for length in lengths]
    return Pack.of(ids, [length // 2 for length in lengths], CPU, slack=slack)


def own_losses(model, embeds, targets):
    """Losses of one sequence (L, C) from the model's full logits; the targets end it."""
    logits = model(inputs_embeds=embeds[None]).logits[0, -len(targets) - 1 : -1]
    return F.cross_entropy(logits, targets, reduction="none")


@pytest.mark.parametrize("kind", ["gpt2", "llama", "mistral", "gemma", "gemma2", "odd_head"])
@pytest.mark.parametrize("slack", [0.0, 0.5])
@pytest.mark.parametrize("recompute", [False, True])
def test_gradient_is_that_of_autograd_through_full_logits(kind, slack, recompute):
    model = tiny(kind)
    pack = pack_of([30, 21, 21, 18, 4], slack)
    draw = torch.Generator().manual_seed(5)
    embeds = model.get_input_embeddings()(pack.ids).detach()
    embeds += 0.1 * torch.randn(embeds.shape, generator=draw)
    coefficients = torch.randn(len(pack.targets), generator=draw)
    forward = choose_forward(model, FP32, CPU, slack=slack)
    losses, gradient = forward.losses_and_gradient(
        embeds, pack, coefficients, ELEMENTS, recompute=recompute
    )

    expected_losses, expected = [], []
    pieces = [embeds.split(pack.lengths)]
    pieces += [part.split(pack.n_scored) for part in (pack.targets, coefficients)]
    for own, targets, weights in zip(*pieces, strict=True):
        own = own.clone().requires_grad_()
        each = own_losses(model, own, targets)
        expected.append(torch.autograd.grad((weights * each).sum(), own)[0])
        expected_losses.append(each.detach())
    assert torch.allclose(losses, torch.cat(expected_losses), atol=2e-5)
    error = (gradient - torch.cat(expected)).norm() / torch.cat(expected).norm()
    assert error < 1e-5
    assert all(p.requires_grad and p.grad is None for p in model.parameters())
    assert not any("forward" in vars(module) for module in model.modules())


def test_recomputing_keeps_less():
    model = tiny("llama")
    embeds = torch.randn(1, POSITIONS, 32)
    kept = []

    def count(tensor):
        kept[-1] += tensor.numel()
        return tensor

    for recompute in (False, True):
        kept.append(0)
        inputs = embeds.clone().requires_grad_()
        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            if recompute:
                with recomputed(model.get_decoder(), FP32):
                    model.get_decoder()(inputs_embeds=inputs, use_cache=False)
            else:
                model.get_decoder()(inputs_embeds=inputs, use_cache=False)
    assert kept[1] < kept[0] / 5


@pytest.mark.parametrize(("elements", "most"), [(1, 1), (100, 4), (ELEMENTS, 10)])
def test_black_box_makes_its_logits_in_parts(elements, most, monkeypatch):
    model = tiny("odd_head")
    pack = pack_of([20, 9])
    embeds = model.get_input_embeddings()(pack.ids).detach()
    forward = LogitsForward(model, FP32)
    rows = []

    def count(module, args, logits):
        rows.append(logits.shape[1])

    with torch.no_grad():
        expected = torch.cat(
            [
                own_losses(model, own, targets)
                for own, targets in zip(
                    embeds.split(pack.lengths), pack.targets.split(pack.n_scored), strict=True
                )
            ]
        )
        handle = model.lm_head.register_forward_hook(count)
        losses = forward.losses(embeds, pack, elements)
        handle.remove()
    assert torch.allclose(losses, expected, atol=1e-5)
    assert sum(rows) == len(pack.targets)
    assert max(rows) == most  # at most 8 * elements / 200, at least one
