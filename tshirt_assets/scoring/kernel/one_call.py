"""Causal attention over all sequences of a pack in one call, by CUDA kernels that PyTorch carries.

The kernels are told where sequences begin; nothing is gathered, padded or put together again, and
how many calls there are does not depend on the sequences' lengths. Both have a backward pass. They
exist on CUDA only; whether they can be used there is found out by `self_test`.
"""

from typing import Any

import torch

from .packing import Spans

_FLASH = (torch.float16, torch.bfloat16)  # what the flash kernel computes in
_CAUSAL = 1  # the efficient kernel's name for a mask from the top left corner


def one_call_attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    spans: Spans,
    *,
    scaling: float | None,
    window: int | None,
) -> torch.Tensor:
    """Attention of one layer: query (N, H, D), key and value (N, H_kv, D); returns (N, H, D).

    A token attends to the tokens before it in its own sequence, with a `window` to itself and the
    `window - 1` before it. Under autocast the operands get its number format.
    """
    if torch.is_autocast_enabled(query.device.type):
        short = torch.get_autocast_dtype(query.device.type)
        query, key, value = query.to(short), key.to(short), value.to(short)
    run = _flash if query.dtype in _FLASH else _efficient
    return run(query, key, value, spans, scaling, window)


def _flash(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    spans: Spans,
    scaling: float | None,
    window: int | None,
) -> torch.Tensor:
    """For 16-bit operands; shares keys among query heads by itself."""
    bounds, longest = spans.bounds, spans.longest
    found = torch.ops.aten._flash_attention_forward(
        query,
        key,
        value,
        bounds,
        bounds,
        longest,
        longest,
        0.0,  # dropout
        window is None,  # causal; a window says so itself
        False,
        scale=scaling,
        window_size_left=None if window is None else window - 1,
        window_size_right=None if window is None else 0,
        num_splits=1,  # sums in an order that does not depend on a sequence's company
    )
    output: torch.Tensor = found[0]
    return output


def _efficient(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    spans: Spans,
    scaling: float | None,
    window: int | None,
) -> torch.Tensor:
    """For float32 operands."""
    key, value = per_query_head(key, value, query.shape[1])
    states = (one.unsqueeze(0) for one in (query, key, value))  # (1, N, H, D)
    attended: torch.Tensor = _Efficient.apply(*states, spans, scaling, window)
    return attended.squeeze(0)


class _Efficient(torch.autograd.Function):
    """The efficient kernel; PyTorch's own backward pass of it forgets the window (2.13)."""

    @staticmethod
    def forward(
        ctx: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        spans: Spans,
        scaling: float | None,
        window: int | None,
    ) -> torch.Tensor:
        found = torch.ops.aten._efficient_attention_forward(
            query,
            key,
            value,
            None,  # bias
            spans.bounds,
            spans.bounds,
            spans.longest,
            spans.longest,
            0.0,  # dropout
            _CAUSAL,
            any(ctx.needs_input_grad),  # keep the log-sum-exp for the backward pass
            scale=scaling,
            window_size=window,
        )
        output, logsumexp, seed, offset, *_ = found
        ctx.save_for_backward(query, key, value, output, logsumexp, seed, offset)
        ctx.mask = spans, scaling, window
        return output  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        query, key, value, output, logsumexp, seed, offset = ctx.saved_tensors
        spans, scaling, window = ctx.mask
        found = torch.ops.aten._efficient_attention_backward(
            gradients[0],
            query,
            key,
            value,
            None,  # bias
            output,
            spans.bounds,
            spans.bounds,
            spans.longest,
            spans.longest,
            logsumexp,
            0.0,  # dropout
            seed,
            offset,
            _CAUSAL,
            False,  # no gradient of a bias
            scale=scaling,
            window_size=window,
        )
        return *found[:3], None, None, None


def per_query_head(
    key: torch.Tensor, value: torch.Tensor, n_heads: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Key and value (N, H_kv, D) once per query head, (N, H, D) (grouped-query attention)."""
    repeats = n_heads // key.shape[1]
    if repeats == 1:
        return key, value
    return key.repeat_interleave(repeats, 1), value.repeat_interleave(repeats, 1)
