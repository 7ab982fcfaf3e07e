"""Products in bfloat16, where the processor makes them many times faster than in float32.

They narrow the candidates down less than float32 does, by a bound that is just as strict, so that
the neighbours found are the same.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tshirt_assets.selection.nearest.backend import NOT_A_PAIR, Backend

WORTH_FROM = 1 << 26  # pairs; fewer are compared sooner than a trial is made
LEAST_GAIN = 2.0  # times as fast as float32: the rougher products leave more to compare in full
TRIAL = (1024, 384)  # vectors and their width: with half as many the figures scatter by a third
REPEATS = 3  # of a trial; the fastest counts


@dataclass(frozen=True, slots=True)
class HalfBackend(Backend):
    """Products on the CPU that are rounded to bfloat16, and are handled as int16 of their bits.

    The bits of positive numbers are in the order of the numbers, and numpy is fast with int16.
    """

    @property
    def precise(self) -> Backend:
        """The same in float32."""
        return Backend(self.xp, self.height, memory=self.memory)

    def error(self, width: int) -> float:
        """As of float32, and three roundings by 2**-9: of both vectors and of their product."""
        return 3.05 * 2.0**-9 + Backend.error(self, width)

    def load(self, vectors: np.ndarray) -> Any:
        """The vectors, rounded."""
        import torch

        return torch.from_numpy(vectors).bfloat16()

    def product(self, rows: Any, columns: Any) -> Any:
        """(h, m) int16, the bits of the products."""
        import torch

        return (rows @ columns.T).view(torch.int16).numpy()

    def leave_out(self, product: Any, i: np.ndarray, j: np.ndarray) -> None:
        """Put the pairs at these places (P,) below all others."""
        product[i, j] = _bits(np.float32(NOT_A_PAIR))

    def greatest(self, product: Any) -> tuple[np.ndarray, np.ndarray]:
        """As of float32. Where one is near 0 or below, the product is put in order, in place."""
        found = product.max(1), product.max(0)
        if min(part.min() for part in found) < _bits(np.float32(0.0625)):
            product ^= (product >> 15) & 0x7FFF
            found = product.max(1), product.max(0)
        return _values(found[0]), _values(found[1])

    def reaching(self, product: Any, by_row: np.ndarray, by_column: np.ndarray) -> np.ndarray:
        """As of float32; the limits are at most twice the error below what is greatest."""
        return Backend.reaching(self, product, _in_order(by_row), _in_order(by_column))


def faster(backend: Backend, pairs: int) -> Backend:
    """What is faster for comparing so many pairs: this backend, or bfloat16."""
    if backend.device is not None or pairs < WORTH_FROM:
        return backend
    half = HalfBackend(backend.xp, backend.height, memory=backend.memory)
    if not _sums_in_float32(half) or _seconds(half) * LEAST_GAIN > _seconds(backend):
        return backend
    return half


def _sums_in_float32(half: Backend) -> bool:
    """Whether many small numbers add up: in bfloat16 nothing below 2**-9 adds anything to 1."""
    vectors = np.full(TRIAL, 2.0**-10, np.float32)
    vectors[:, 0] = 1.0
    ones = half.load(np.ones(TRIAL, np.float32))
    exact = vectors[0].sum()
    found, _ = half.greatest(half.product(half.load(vectors), ones))
    return bool((np.abs(found - exact) <= exact * 2.0**-8).all())


def _seconds(backend: Backend) -> float:
    """How long a small product takes."""
    draw = np.random.default_rng(0)
    vectors = backend.load(draw.standard_normal(TRIAL, np.float32))
    return min(_timed(lambda: backend.product(vectors, vectors)) for _ in range(REPEATS))


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _bits(values: Any) -> Any:
    """float32 rounded towards 0 to bfloat16, as int16 of its bits."""
    return (values.view(np.int32) >> 16).astype(np.int16)


def _in_order(limits: np.ndarray) -> np.ndarray:
    """The greatest bfloat16 that is no greater, as an int16 that sorts like the number."""
    bits = limits.astype(np.float32).view(np.int32)
    return ((bits ^ ((bits >> 31) & 0x7FFFFFFF)) >> 16).astype(np.int16)


def _values(ordered: np.ndarray) -> np.ndarray:
    """The numbers, float32, that int16 in their order stand for."""
    bits = ordered ^ ((ordered >> 15) & 0x7FFF)
    return (bits.astype(np.int32) << 16).view(np.float32)
