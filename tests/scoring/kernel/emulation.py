"""The CUDA kernels of attention in one call, done on a CPU sequence by sequence.

They stand for PyTorch's operations of those names while `emulated` is entered, so that what is
passed to them, and what is made of their results, is tested without a GPU.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import torch


def attend(query, key, value, bounds, scale, window):
    """Causal attention inside each sequence: query (N, H, D), key and value (N, H_kv, D)."""
    found = [
        (shares @ v).transpose(0, 1)
        for shares, _, _, v in _sequences(query, key, value, bounds, scale, window)
    ]
    return torch.cat(found).to(query.dtype)


def differentiate(gradient, query, key, value, bounds, scale, window):
    """The gradients of query, key and value, by hand: inside an operation nothing is recorded."""
    found = []
    repeats = query.shape[1] // key.shape[1]
    sequences = _sequences(query, key, value, bounds, scale, window)
    for at, (shares, q, k, v) in zip(_slices(bounds), sequences, strict=True):
        out = gradient[at].transpose(0, 1).float()
        of_shares = out @ v.transpose(1, 2)
        of_scores = shares * (of_shares - (of_shares * shares).sum(-1, keepdim=True)) * scale
        three = of_scores @ k, of_scores.transpose(1, 2) @ q, shares.transpose(1, 2) @ out
        found.append([one.transpose(0, 1) for one in three])
    dq, dk, dv = (torch.cat(parts).to(query.dtype) for parts in zip(*found, strict=True))
    return dq, *(one.unflatten(1, (-1, repeats)).sum(2) for one in (dk, dv))


def _sequences(query, key, value, bounds, scale, window):
    """Per sequence its shares (H, L, L), and query, key and value (H, L, D), in float32."""
    repeats = query.shape[1] // key.shape[1]
    key, value = (states.repeat_interleave(repeats, 1) for states in (key, value))
    for at in _slices(bounds):
        q, k, v = (states[at].transpose(0, 1).float() for states in (query, key, value))
        place = torch.arange(q.shape[1])
        distance = place[:, None] - place
        seen = (distance >= 0) & (distance < (window or len(place)))
        scores = (q @ k.transpose(1, 2) * scale).masked_fill(~seen, -torch.inf)
        yield scores.softmax(-1), q, k, v


def _slices(bounds):
    return [slice(first, last) for first, last in pairwise(bounds.tolist())]


@contextmanager
def emulated() -> Iterator[Counter]:
    """Inside, the operations exist on CPU; gives how often each was called."""
    calls: Counter = Counter()

    def efficient(query, key, value, bias, cu_q, cu_k, most_q, most_k, dropout, mask, keep=False, *,
                  scale=None, seqlen_k=None, window_size=None):  # fmt: skip
        calls["efficient"] += 1
        assert bias is None
        assert dropout == 0.0
        assert mask == 1  # causal
        assert torch.equal(cu_q, cu_k)
        assert cu_q.dtype == torch.int32
        assert query.shape == key.shape == value.shape
        assert most_q == most_k == int(cu_q.diff().max())
        found = attend(query[0], key[0], value[0], cu_q, scale, window_size)[None]
        nothing = torch.zeros((), dtype=torch.int64)
        return found, query.new_zeros(1, query.shape[2], 32), nothing, nothing, most_q, most_k

    def efficient_backward(gradient, query, key, value, bias, out, cu_q, cu_k, most_q, most_k,
                           logsumexp, dropout, seed, offset, mask, bias_wants, *, scale=None,
                           window_size=None, **_):  # fmt: skip
        calls["efficient backward"] += 1
        states = (one[0] for one in (gradient, query, key, value))
        found = differentiate(*states, cu_q, scale, window_size)
        return *(one[None] for one in found), torch.zeros(())

    def flash(query, key, value, cu_q, cu_k, most_q, most_k, dropout, causal, debug, *, scale=None,
              window_size_left=None, window_size_right=None, seqused_k=None, alibi_slopes=None,
              block_table=None, num_splits=None):  # fmt: skip
        calls["flash"] += 1
        assert query.dtype == key.dtype == value.dtype
        assert query.dtype in (torch.float16, torch.bfloat16)
        assert causal == (window_size_left is None)
        assert window_size_right == (None if causal else 0)
        window = None if causal else window_size_left + 1
        found = attend(query, key, value, cu_q, scale, window)
        nothing = torch.zeros(2, dtype=torch.int64)
        return found, query.new_zeros(query.shape[1], len(query)), nothing, nothing, nothing

    def flash_backward(gradient, query, key, value, out, logsumexp, cu_q, cu_k, most_q, most_k,
                       dropout, causal, state, unused, *, scale=None, window_size_left=None,
                       window_size_right=None):  # fmt: skip
        calls["flash backward"] += 1
        window = None if causal else window_size_left + 1
        return differentiate(gradient, query, key, value, cu_q, scale, window)

    library = torch.library.Library("aten", "IMPL")
    library.impl("_efficient_attention_forward", efficient, "CPU")
    library.impl("_efficient_attention_backward", efficient_backward, "CPU")
    library.impl("_flash_attention_forward", flash, "CPU")
    library.impl("_flash_attention_backward", flash_backward, "CPU")
    try:
        yield calls
    finally:
        library._destroy()
