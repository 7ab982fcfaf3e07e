"""Parts of a layer in one kernel, in Triton; imported only on CUDA, where PyTorch brings it.

Numbers are float32 inside; results have the type of the operands. That of 16-bit queries and keys
is what attention would round them to anyway.
"""

from typing import Any

import torch
import triton
import triton.language as tl

from .devices import current

_TOGETHER = 1024  # numbers of a program


@triton.jit
def _gate(gate, up, out, n, COUNT: tl.constexpr):  # type: ignore[no-untyped-def]
    at = tl.program_id(0).to(tl.int64) * COUNT + tl.arange(0, COUNT)
    g = tl.load(gate + at, mask=at < n).to(tl.float32)
    u = tl.load(up + at, mask=at < n).to(tl.float32)
    tl.store(out + at, g / (1.0 + tl.exp(-g)) * u, mask=at < n)


@triton.jit
def _gate_backward(gradient, gate, up, to_gate, to_up, n, COUNT: tl.constexpr):  # type: ignore[no-untyped-def]
    at = tl.program_id(0).to(tl.int64) * COUNT + tl.arange(0, COUNT)
    d = tl.load(gradient + at, mask=at < n).to(tl.float32)
    g = tl.load(gate + at, mask=at < n).to(tl.float32)
    u = tl.load(up + at, mask=at < n).to(tl.float32)
    share = 1.0 / (1.0 + tl.exp(-g))
    tl.store(to_gate + at, d * u * share * (1.0 + g * (1.0 - share)), mask=at < n)
    tl.store(to_up + at, d * g * share, mask=at < n)


class _Gated(torch.autograd.Function):
    """silu(gate) * up."""

    @staticmethod
    def forward(ctx: Any, gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(gate, up)
        out, n = torch.empty_like(gate), gate.numel()
        with current(gate.device):
            _gate[(triton.cdiv(n, _TOGETHER),)](gate, up, out, n, COUNT=_TOGETHER)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        gate, up = ctx.saved_tensors
        gradient, n = gradients[0].contiguous(), gate.numel()
        to_gate, to_up = torch.empty_like(gate), torch.empty_like(up)
        with current(gate.device):
            _gate_backward[(triton.cdiv(n, _TOGETHER),)](
                gradient, gate, up, to_gate, to_up, n, COUNT=_TOGETHER
            )
        return to_gate, to_up


def gated(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    """silu(gate) * up for two tensors of one shape and type; differentiable."""
    product: torch.Tensor = _Gated.apply(gate.contiguous(), up.contiguous())
    return product


@triton.jit
def _turn(  # type: ignore[no-untyped-def]
    x, out, batch, token, cos_1, cos_2, sin_1, sin_2, in_b, in_h, in_n, out_b, out_h, out_n,
    n_heads, half, HEADS: tl.constexpr, HALF: tl.constexpr, BACK: tl.constexpr,
):  # fmt: skip
    head, column = tl.arange(0, HEADS)[:, None], tl.arange(0, HALF)[None, :]
    inside = (head < n_heads) & (column < half)
    place = x + batch * in_b + token * in_n + head * in_h + column
    one = tl.load(place, mask=inside, other=0.0).to(tl.float32)
    two = tl.load(place + half, mask=inside, other=0.0).to(tl.float32)
    if BACK:
        first, second = one * cos_1 + two * sin_2, two * cos_2 - one * sin_1
    else:
        first, second = one * cos_1 - two * sin_1, two * cos_2 + one * sin_2
    place = out + batch * out_b + token * out_n + head * out_h + column
    tl.store(place, first, mask=inside)
    tl.store(place + half, second, mask=inside)


@triton.jit
def _turn_both(  # type: ignore[no-untyped-def]
    q, q_out, k, k_out, cos, sin, qb, qh, qn, qob, qoh, qon, kb, kh, kn, kob, koh, kon,
    cb, cn, sb, sn, n_tokens, q_heads, k_heads, half,
    Q_HEADS: tl.constexpr, K_HEADS: tl.constexpr, HALF: tl.constexpr, BACK: tl.constexpr,
):  # fmt: skip
    batch = tl.program_id(0).to(tl.int64) // n_tokens
    token = tl.program_id(0).to(tl.int64) % n_tokens
    column = tl.arange(0, HALF)[None, :]
    inside = column < half
    at = cos + batch * cb + token * cn + column
    cos_1 = tl.load(at, mask=inside, other=0.0).to(tl.float32)
    cos_2 = tl.load(at + half, mask=inside, other=0.0).to(tl.float32)
    at = sin + batch * sb + token * sn + column
    sin_1 = tl.load(at, mask=inside, other=0.0).to(tl.float32)
    sin_2 = tl.load(at + half, mask=inside, other=0.0).to(tl.float32)
    _turn(
        q, q_out, batch, token, cos_1, cos_2, sin_1, sin_2, qb, qh, qn, qob, qoh, qon,
        q_heads, half, Q_HEADS, HALF, BACK,
    )  # fmt: skip
    _turn(
        k, k_out, batch, token, cos_1, cos_2, sin_1, sin_2, kb, kh, kn, kob, koh, kon,
        k_heads, half, K_HEADS, HALF, BACK,
    )  # fmt: skip


def _turned(
    query: torch.Tensor, key: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, *, back: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Query and key (B, H, N, D) turned by angles (B, N, D), or turned back."""
    batch, n_tokens, width = query.shape[0], query.shape[2], query.shape[3]
    if cos.shape[-1] != width or width % 2:
        raise ValueError(f"{cos.shape[-1]} angles for {width} numbers")
    states = [x if x.stride(-1) == 1 else x.contiguous() for x in (query, key)]
    angles = [x.expand(batch, n_tokens, width).contiguous() for x in (cos, sin)]
    results = [torch.empty_like(x) for x in states]
    both = [x for pair in zip(states, results, strict=True) for x in pair]
    n_heads = [x.shape[1] for x in states]
    with current(query.device):
        _turn_both[(batch * n_tokens,)](
            *both,
            *angles,
            *(stride for x in both for stride in x.stride()[:3]),
            *(stride for x in angles for stride in x.stride()[:2]),
            n_tokens,
            *n_heads,
            width // 2,
            *(triton.next_power_of_2(n) for n in (*n_heads, width // 2)),
            BACK=back,
        )
    return results[0], results[1]


class _Rotation(torch.autograd.Function):
    """As in `rotary`, of query and key together."""

    @staticmethod
    def forward(
        ctx: Any, query: torch.Tensor, key: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        ctx.save_for_backward(cos, sin)
        return _turned(query, key, cos, sin, back=False)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return *_turned(*gradients, *ctx.saved_tensors, back=True), None, None


def rotate(
    query: torch.Tensor,
    key: torch.Tensor,
    cos: torch.Tensor,
    sin: torch.Tensor,
    unsqueeze_dim: int = 1,
) -> tuple[torch.Tensor, torch.Tensor]:
    """As `rotary.rotate`, in one kernel; for states (B, H, N, D) only.

    Raises:
        NotImplementedError: the heads are elsewhere.
        ValueError: not every number has an angle.
    """
    if unsqueeze_dim != 1:
        raise NotImplementedError("states with their heads behind the tokens")
    query, key = _Rotation.apply(query, key, cos, sin)
    return query, key
