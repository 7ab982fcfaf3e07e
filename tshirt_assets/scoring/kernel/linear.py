"""Float32 linear layers on CPU through oneDNN, where that changes speed alone.

PyTorch sends float32 matrix products on x86 to MKL, which leaves half the speed of recent AMD
processors unused: 90 against 200 GFLOP/s and core were measured on one with AVX-512. PyTorch
also carries oneDNN, whose kernels go by what the processor can do. One sum over thousands of
products rounds differently, enough to show in the fifth decimal of a token loss; summed in
MKL's blocks the results are equal to the last bit, and only then is oneDNN used.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode

_BLOCK = 192  # products that MKL sums before it adds the sum to the result
_MIN_EXTENT = 16  # MKL sums in another order when rows, columns or the last block are fewer


class OneDnnLinear(TorchFunctionMode):
    """While entered, `F.linear` and `torch.addmm` of float32 CPU tensors run in oneDNN.

    Gradients reach the input only: a weight or bias that wants one is left to PyTorch.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Called by PyTorch in place of every one of its functions."""
        if not kwargs and func is F.linear:
            operands = (*args, None)[:3]
        elif not kwargs and func is torch.addmm and args[0].dim() == 1:
            operands = (args[1], args[2].t(), args[0])
        else:
            return func(*args, **(kwargs or {}))
        return _Linear.apply(*operands) if _suits(*operands) else func(*args)


@functools.cache
def onednn_is_exact() -> bool:
    """Whether oneDNN has fast kernels here that give PyTorch's own results to the last bit."""
    if not (
        torch.backends.mkldnn.is_available()
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    ):
        return False
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for rows, width, out in ((40, 3 * _BLOCK, 192), (300, 8 * _BLOCK + 32, 640)):
            input = torch.randn(rows, width, generator=generator)
            weight = torch.randn(out, width, generator=generator)
            bias = torch.randn(out, generator=generator)
            if not torch.equal(_onednn(input, weight, bias), F.linear(input, weight, bias)):
                return False
    return True


def reused_space(like: torch.Tensor, width: int) -> torch.Tensor | None:
    """Memory for products (n, width) or less with rows `like` (n, K), one after the other.

    Where MKL makes them on CPU, blocks that come and go by the dozen stay in its cache that way.
    None where it does not: oneDNN, and PyTorch on a GPU, know best where to put theirs.
    """
    if like.device.type != "cpu" or onednn_is_exact():
        return None
    return like.new_empty(len(like) * width)


def linear_into(
    space: torch.Tensor | None,
    input: torch.Tensor,
    weight: torch.Tensor,
    bias: torch.Tensor | None,
) -> torch.Tensor:
    """`F.linear` of an (n, K) input, written into what `reused_space` gave; without gradients."""
    if space is None:
        return F.linear(input, weight, bias)
    output = space[: len(input) * len(weight)].view(len(input), len(weight))
    if bias is None:
        return torch.mm(input, weight.t(), out=output)
    return torch.addmm(bias, input, weight.t(), out=output)


def _suits(input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> bool:
    parameters = [weight] if bias is None else [weight, bias]
    out, width = weight.shape
    return (
        all(t.dtype == torch.float32 and t.device.type == "cpu" for t in (input, *parameters))
        and min(input.numel() // width, out, width % _BLOCK or _BLOCK) >= _MIN_EXTENT
        and not (torch.is_grad_enabled() and any(p.requires_grad for p in parameters))
    )


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        ctx.weight = weight
        return _onednn(input, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return _onednn(gradients[0], ctx.weight.t(), None), None, None


def _onednn(input: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """input (..., K) @ weight (out, K) transposed, plus bias (out,)."""
    output = None
    for part, columns in zip(input.split(_BLOCK, -1), weight.split(_BLOCK, -1), strict=True):
        # Rows apart in memory, unless they are those of a transposed matrix, take a slow path.
        columns = columns if columns.t().is_contiguous() else columns.contiguous()
        product = torch.ops.mkldnn._linear_pointwise(part, columns, bias, "none", [], "")
        output = product if output is None else output.add_(product)
        bias = None
    assert output is not None
    return output
