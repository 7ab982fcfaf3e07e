"""Embedding noise from a counter: the same values in any batch, order, shard and device.

A generator with a state gives every row different noise when the rows come in another order.
Here a value is a function of (key, counter) alone: B. Widynski, "Squares: A Fast Counter-Based
RNG", arXiv 2004.06278, four rounds, 32 bits out. Integer arithmetic modulo 2**64 is exact
everywhere, so CPU and CUDA agree to the last bit.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

import numpy as np
import torch

from .packing import to_device

# Values made at a time: on CPU the 64-bit temporaries stay in its cache.
_CHUNK = {"cpu": 1 << 17, "cuda": 1 << 22}


class Noise(Protocol):
    """An embedding perturbation of one request."""

    def values(self, width: int, device: torch.device) -> torch.Tensor:
        """The perturbation, (L, C) float32, for embedding width C = `width`."""
        ...


@dataclass(frozen=True, slots=True)
class CounterNoise:
    """I.i.d. noise U(-eps, eps) on the token embeddings of one request (METHODS.md section 1).

    The noise of a sample is a field with one row per token of prompt and response. A request
    names the rows it uses, so the response gets the same noise with and without its prompt.
    """

    key: int  # odd, 64 bits; see noise_key
    eps: float  # half width of the interval; see noise_scale
    rows: np.ndarray  # (L,) int64, row of the sample's noise field for each position

    def values(self, width: int, device: torch.device) -> torch.Tensor:
        """The perturbation, (L, C) float32; entry (i, c) depends on key and rows[i]*C + c only."""
        return counter_noise([self], width, device)


def counter_noise(noises: Sequence[CounterNoise], width: int, device: torch.device) -> torch.Tensor:
    """The perturbations of several requests below each other, (sum of L, C) float32."""
    lengths = [len(noise.rows) for noise in noises]
    keys = np.array([_as_int64(noise.key) for noise in noises], dtype=np.int64)
    scales = np.array([noise.eps / 2**24 for noise in noises], dtype=np.float32)
    rows = np.concatenate([noise.rows for noise in noises]).astype(np.int64, copy=False)
    key = to_device(np.repeat(keys, lengths), device)[:, None]  # (N, 1)
    scale = to_device(np.repeat(scales, lengths), device)[:, None]  # (N, 1)
    first = to_device(rows, device)[:, None] * width  # (N, 1)
    column = torch.arange(width, device=device)  # (C,)
    values = torch.empty(len(rows), width, device=device)  # (N, C)
    step = max(1, _CHUNK.get(device.type, _CHUNK["cpu"]) // width)
    for at in range(0, len(rows), step):
        chunk = slice(at, at + step)
        bits = squares32(first[chunk] + column, key[chunk]) >> 8  # 24 bits
        # Odd multiples of 2**-24 between -1 and 1: exact in float32, symmetric, never +-1.
        torch.mul(bits * 2 + (1 - 2**24), scale[chunk], out=values[chunk])
    return values


def squares32(counter: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    """32 random bits per counter, as int64 in [0, 2**32); the operands broadcast (int64)."""
    x = counter * key
    y = x.clone()
    z = y + key
    for addend in (y, z, y):
        x.mul_(x).add_(addend)
        x = ((x >> 32) & 0xFFFFFFFF).bitwise_or_(x << 32)
    return (x.mul_(x).add_(z) >> 32).bitwise_and_(0xFFFFFFFF)


def noise_key(seed: int, sample_id: str, neighbour: int) -> int:
    """The generator key of one neighbour of one sample: odd, 64 bits."""
    text = f"{seed}\x1f{sample_id}\x1f{neighbour}".encode()
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little") | 1


def noise_scale(alpha: float, n_tokens: int, width: int) -> float:
    """Half width eps = alpha / sqrt(L*C) of the noise on L tokens (METHODS.md section 1)."""
    return alpha / math.sqrt(n_tokens * width)


def _as_int64(value: int) -> int:
    """The signed integer with the same 64 bits."""
    value &= 2**64 - 1
    return value - 2**64 if value >= 2**63 else value
