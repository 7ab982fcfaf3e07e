"""Embedding noise from a counter: the same values in any batch, order, shard and device.

A generator with a state gives every row different noise when the rows come in another order.
Here a value is a function of (key, counter) alone: B. Widynski, "Squares: A Fast Counter-Based
RNG", arXiv 2004.06278, four rounds, 32 bits out. Integer arithmetic modulo 2**64 is exact
everywhere, so CPU and CUDA agree to the last bit, and so do the two ways to make the values: about
twenty of PyTorch's integer operations anywhere, or one kernel on CUDA (`noise_kernel`), which is
taken where a few values of it are equal to the CPU's.
"""

import logging
import math
from collections.abc import Callable, Sequence
from functools import cache
from hashlib import blake2b
from typing import NamedTuple, Protocol

import numpy as np
import torch

from .devices import to_device

logger = logging.getLogger(__name__)

Fill = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], None]
"""Writes values (N, C) float32 of keys and field rows (N,) int64, scales (N,) float32."""

# Values made at a time: on CPU the 64-bit temporaries stay in its cache.
_CHUNK = {"cpu": 1 << 17, "cuda": 1 << 22}


class Noise(Protocol):
    """An embedding perturbation of one request."""

    def values(self, width: int, device: torch.device) -> torch.Tensor:
        """The perturbation, (L, C) float32, for embedding width C = `width`."""
        ...


class CounterNoise(NamedTuple):
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
    lengths = np.array([len(noise.rows) for noise in noises])
    return _values(noises, lengths, width, device)[0]


def add_counter_noise(
    embeds: torch.Tensor, noises: Sequence[CounterNoise], starts: Sequence[int]
) -> None:
    """Add perturbations to embeddings (N, C) in place, each from its row in `starts` on."""
    lengths = np.array([len(noise.rows) for noise in noises])
    first = np.array(starts) - (np.cumsum(lengths) - lengths)
    places = np.arange(lengths.sum()) + np.repeat(first, lengths)
    values, (place,) = _values(noises, lengths, embeds.shape[1], embeds.device, places)
    embeds.index_add_(0, place, values)


def _values(
    noises: Sequence[CounterNoise],
    lengths: np.ndarray,  # of their rows
    width: int,
    device: torch.device,
    *more: np.ndarray,
) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
    """The perturbations, and more (sum of L,) int64 on the device by the same copy."""
    keys = np.array([noise.key for noise in noises], dtype=np.uint64).view(np.int64)
    scales = np.array([noise.eps / 2**24 for noise in noises], dtype=np.float32)
    rows = np.concatenate([noise.rows for noise in noises])
    table = np.stack([np.repeat(keys, lengths), rows.astype(np.int64, copy=False), *more])
    key, row, *others = to_device(table, device)
    values = torch.empty(len(rows), width, device=device)
    filler(device)(values, key, row, to_device(np.repeat(scales, lengths), device))
    return values, tuple(others)


@cache
def filler(device: torch.device) -> Fill:
    """The fastest way to make the values on a device that gives those of the CPU bit by bit."""
    if device.type != "cuda":
        return fill_in_steps
    try:
        from .noise_kernel import fill_at_once

        if agrees(fill_at_once, device):
            logger.info("noise: one kernel on %s", device)
            return fill_at_once
        reason = "its values are not those of the CPU"
    except Exception as error:  # no Triton, no compiler for it, or a card that it does not know
        reason = repr(error)
    logger.info(
        "noise: integer operations on %s, because the kernel cannot be used: %s", device, reason
    )
    return fill_in_steps


def agrees(fill: Fill, device: torch.device) -> bool:
    """Whether a way to make values gives those of the CPU on a few hundred rows, bit by bit."""
    draw = np.random.default_rng(0)
    n = 256
    keys = draw.integers(-(2**63), 2**63, n) | 1
    keys[:3] = 1, -1, 2**63 - 1
    rows = draw.integers(0, 2**20, n)
    rows[:2] = 0, 2**31
    scales = draw.random(n, dtype=np.float32) / 2**24
    for width in (1, 67, 768, 1025):
        found = []
        for way, place in ((fill_in_steps, torch.device("cpu")), (fill, device)):
            values = torch.empty(n, width, device=place)
            way(values, *(to_device(part, place) for part in (keys, rows, scales)))
            found.append(values.cpu())
        if not torch.equal(*found):
            return False
    return True


def fill_in_steps(
    values: torch.Tensor, keys: torch.Tensor, rows: torch.Tensor, scales: torch.Tensor
) -> None:
    """A `Fill` by PyTorch's integer operations, on any device."""
    n, width = values.shape
    key, scale, first = keys[:, None], scales[:, None], rows[:, None] * width  # (N, 1)
    column = torch.arange(width, device=values.device)  # (C,)
    step = max(1, _CHUNK.get(values.device.type, _CHUNK["cpu"]) // width)
    for at in range(0, n, step):
        chunk = slice(at, at + step)
        bits = squares32(first[chunk] + column, key[chunk]) >> 8  # 24 bits
        # Odd multiples of 2**-24 between -1 and 1: exact in float32, symmetric, never +-1.
        torch.mul(bits * 2 + (1 - 2**24), scale[chunk], out=values[chunk])


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
