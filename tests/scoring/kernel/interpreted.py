"""Our Triton kernels beside PyTorch's operations, run by Triton's interpreter on a CPU.

    TRITON_INTERPRET=1 python -m tests.scoring.kernel.interpreted

Prints the names of the checks that hold. A process of its own, because Triton looks at the variable
when it is imported.
"""

from typing import Any

import torch
import torch.nn.functional as F

from tshirt_assets.scoring.kernel import layer_kernel, lm_head, logit_block, logit_kernel
from tshirt_assets.scoring.kernel.lm_head import LMHead
from tshirt_assets.scoring.kernel.noise import agrees
from tshirt_assets.scoring.kernel.noise_kernel import fill_at_once
from tshirt_assets.scoring.kernel.rotary import rotate

CPU = torch.device("cpu")
TYPES = {torch.float32: 1e-6, torch.float16: 2e-3, torch.bfloat16: 2e-2}  # and their rounding


def noise() -> bool:
    """The same bits."""
    return agrees(fill_at_once, CPU)


def logits() -> bool:
    """Sums, picks and shares, and what is no number only in its own row."""
    odd = torch.randn(4, 50)
    odd[0, 3], odd[1, 4], odd[2] = torch.nan, torch.inf, -torch.inf
    read = logit_kernel.AtOnce(odd, torch.tensor([0, 1, 2, 3]))
    finite = torch.isfinite(read.total).tolist() == [False, False, False, True]
    return logit_block.agrees(logit_kernel.AtOnce, CPU) and finite


def head() -> bool:
    """Losses and gradient of a whole LM head, in one block and in several, with a soft cap."""
    draw = torch.Generator().manual_seed(1)
    weight, hidden = torch.randn(53, 6, generator=draw), torch.randn(7, 6, generator=draw)
    targets = torch.randint(53, (7,), generator=draw)
    right = True
    for softcap, scale in ((None, 1.0), (None, 0.5), (3.0, 2.0)):
        own = LMHead(weight, None, scale, softcap, wide=True)
        for elements in (7 * 10, 7 * 53):
            found = []
            for read in (logit_block.InSteps, logit_kernel.AtOnce):
                lm_head.reader = lambda device, read=read: read  # type: ignore[assignment]
                found += own.losses_and_gradient(hidden, targets, torch.ones(7), elements)
            right &= all(_near(*pair, 4e-6) for pair in zip(found[:2], found[2:], strict=True))
    return right


def gate() -> bool:
    """silu(gate) * up and its gradients."""
    return all(
        _alike(layer_kernel.gated, lambda g, u: F.silu(g) * u, _random(dtype, (3, 700), 2), near)
        for dtype, near in TYPES.items()
    )


def rotary() -> bool:
    """Queries and keys with their tokens in front of their heads in memory, as in a model."""
    angle = torch.randn(1, 5, 48, generator=torch.Generator().manual_seed(2))
    angles = angle.cos(), angle.sin()
    return all(
        _alike(
            lambda *states: layer_kernel.rotate(*states, *angles),
            lambda *states: rotate(*states, *angles),
            [_random(dtype, (2, 5, n, 48), 1)[0].transpose(1, 2) for n in (3, 1)],
            near,
        )
        for dtype, near in TYPES.items()
    )


def _random(dtype: torch.dtype, shape: tuple[int, ...], count: int) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=draw).to(dtype) for _ in range(count)]


def _alike(one: Any, other: Any, inputs: list[torch.Tensor], near: float) -> bool:
    """Whether two functions give the same, and the same gradients."""
    found = []
    for function in (one, other):
        wanted = [x.clone().requires_grad_() for x in inputs]
        results = function(*wanted)
        results = results if isinstance(results, tuple) else (results,)
        weighted = [(result.float() * 0.7).sum() for result in results]
        found.append([*results, *torch.autograd.grad(sum(weighted), wanted)])  # type: ignore[type-var]
    return all(_near(*pair, near) for pair in zip(*found, strict=True))


def _near(one: torch.Tensor, other: torch.Tensor, near: float) -> bool:
    return torch.allclose(one.float(), other.float(), rtol=near, atol=near)


if __name__ == "__main__":
    for check in (noise, logits, head, gate, rotary):
        if check():
            print(check.__name__)
