"""Rotary embedding by PyTorch's operations, three for each of query and key."""

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
        turned[..., :half].addcmul_(x[..., half:], sin[..., :half], value=-1)
        turned[..., half:].addcmul_(x[..., :half], sin[..., half:])
        return turned

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (gradient,), (cos, sin) = gradients, ctx.saved_tensors
        half = gradient.shape[-1] // 2
        turned = gradient * cos
        turned[..., :half].addcmul_(gradient[..., half:], sin[..., half:])
        turned[..., half:].addcmul_(gradient[..., :half], sin[..., :half], value=-1)
        return turned, None, None
