"""Causal attention inside each sequence of a pack, plugged into transformers' registry.

No mask over the whole pack exists. On CUDA one call takes all sequences (`one_call`). Otherwise
groups of sequences are seen as a right-padded batch; under a causal mask a real token never attends
to the padding behind it.
"""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from transformers import AttentionInterface, PreTrainedModel

from .one_call import one_call_attention, per_query_head
from .packing import Group, Spans

NAME = "tshirt_packed"


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    groups: Sequence[Group] = (),
    spans: Spans | None = None,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of one layer over a pack: query (1, H, N, D), key and value (1, H_kv, N, D).

    Returns (1, N, H, D). A token attends to the tokens before it in its own sequence, with a
    `sliding_window` to itself and the `sliding_window - 1` before it. With `spans` there is one
    call for all sequences, otherwise one for each of the `groups`.

    Raises:
        NotImplementedError: the layer wants soft-capped scores.
    """
    if softcap is not None:
        raise NotImplementedError("packed attention without soft-capped scores")
    # Squeezed, not indexed: the backward pass of an index fills and copies.
    q, k, v = (states.squeeze(0).transpose(0, 1) for states in (query, key, value))  # (N, heads, D)
    if spans is not None:
        window = sliding_window if sliding_window and spans.longest > sliding_window else None
        attended = one_call_attention(q, k, v, spans, scaling=scaling, window=window)
        return attended.unsqueeze(0), None
    # On CPU a kernel shares keys among query heads by itself; on CUDA not every kernel does.
    shares = query.shape[1] != key.shape[1] and query.device.type == "cpu"
    if not shares:
        k, v = per_query_head(k, v, q.shape[1])
    outputs = []
    for group in groups:
        window = sliding_window if sliding_window and group.longest > sliding_window else None
        attended = F.scaled_dot_product_attention(
            _batched(q, group),
            _batched(k, group),
            _batched(v, group),
            attn_mask=None if window is None else _window_mask(group.longest, window, q.device),
            is_causal=window is None,
            scale=scaling,
            enable_gqa=shares,
        )  # (B, H, longest, D)
        flat = attended.transpose(1, 2).flatten(0, 1)  # (B * longest, H, D)
        outputs.append(flat if group.real is None else flat[group.real])
    return torch.cat(outputs).unsqueeze(0), None


def _batched(states: torch.Tensor, group: Group) -> torch.Tensor:
    """The group's (N, heads, D) tokens as a batch, (B, heads, longest, D)."""
    tokens = slice(group.start, group.stop) if group.padded is None else group.padded
    return states[tokens].unflatten(0, (group.count, group.longest)).transpose(1, 2)


def _window_mask(length: int, window: int, device: torch.device) -> torch.Tensor:
    """(length, length) bool, True where query i attends to key j: 0 <= i - j < window."""
    place = torch.arange(length, device=device)
    distance = place[:, None] - place
    return (distance >= 0) & (distance < window)


@contextlib.contextmanager
def packed_attention_in(model: PreTrainedModel) -> Iterator[None]:
    """Inside, the model's layers use `packed_attention` and want its `groups=` or `spans=`."""
    before = model.config._attn_implementation
    model.config._attn_implementation = NAME
    try:
        yield
    finally:
        model.config._attn_implementation = before


# A name that has no mask function registered makes models build no attention mask at all.
AttentionInterface.register(NAME, packed_attention)
