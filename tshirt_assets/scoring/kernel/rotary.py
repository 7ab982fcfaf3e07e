"""Rotary embedding by PyTorch's operations, three for each of query and key on a GPU.

On CPU it is to the last bit what models do: an addition that does not round its product first
moves the losses of some rows by 1e-4.
"""

from typing import Any

import torch


def rotate(
    query: torch.Tensor,
    key: torch.Tensor,
    cos: torch.Tensor,
    sin: torch.Tensor,
    unsqueeze_dim: int = 1,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rotary embedding of query and key (B, H, N, D) by angles (B, N, D), half against half."""
    cos, sin = cos.unsqueeze(unsqueeze_dim), sin.unsqueeze(unsqueeze_dim)
    turned = (_Rotation.apply(states, cos, sin) for states in (query, key))
    return next(turned), next(turned)


class _Rotation(torch.autograd.Function):
    """x cos + (-x2, x1) sin for x = (x1, x2), and its transpose; angles get no gradient."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(cos, sin)
        half = x.shape[-1] // 2
        turned = x * cos
        _add_product(turned[..., :half], x[..., half:], sin[..., :half], sign=-1)
        _add_product(turned[..., half:], x[..., :half], sin[..., half:])
        return turned

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (gradient,), (cos, sin) = gradients, ctx.saved_tensors
        half = gradient.shape[-1] // 2
        turned = gradient * cos
        _add_product(turned[..., :half], gradient[..., half:], sin[..., half:])
        _add_product(turned[..., half:], gradient[..., :half], sin[..., :half], sign=-1)
        return turned, None, None


def _add_product(
    to: torch.Tensor, left: torch.Tensor, right: torch.Tensor, *, sign: int = 1
) -> None:
    if to.device.type == "cpu":
        to.add_(left * right, alpha=sign)
    else:
        to.addcmul_(left, right, value=sign)
