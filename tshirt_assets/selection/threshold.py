"""The threshold tau on abs(token delta): an exact quantile of hundreds of millions of values.

T-SHIRT section 3.2: tau is the (1-k) quantile of abs(D_t) over all response tokens of the whole
dataset. Non-negative float32 values sort like their bit patterns, so a histogram of the upper 16
bits finds the bins that hold the quantile, and a second pass over the lower 16 bits of those bins
makes it exact. Memory does not depend on the number of values.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Self

import numpy as np

Passes = Callable[[], Iterable[np.ndarray]]

N_BINS = 1 << 15  # upper 16 bits of a float32 whose sign bit is 0
N_LOW = 1 << 16


@dataclass(frozen=True, slots=True)
class AbsDeltaHistogram:
    """Counts of abs(D) by the upper 16 bits of its float32 pattern; merged with `+`.

    A bin is at most 2**-7 of its value wide, whatever the magnitude.
    """

    counts: np.ndarray = field(default_factory=lambda: np.zeros(N_BINS, np.int64))  # (N_BINS,)

    @classmethod
    def of(cls, deltas: np.ndarray) -> Self:
        """Histogram of the deltas' absolute values; ValueError if one is not finite."""
        return cls(np.bincount(_bits(deltas) >> 16, minlength=N_BINS))

    @property
    def total(self) -> int:
        """Number of values counted."""
        return int(self.counts.sum())

    def __add__(self, other: Self) -> Self:
        return type(self)(self.counts + other.counts)

    def quantile(self, q: float) -> float:
        """Estimate of the q quantile, off by at most the width of a bin (0.8 % of the value)."""
        position = _position(self.total, q)
        edge = np.cumsum(self.counts)
        index = int(np.searchsorted(edge, math.floor(position), side="right"))
        inside = (position - (edge[index] - self.counts[index]) + 0.5) / self.counts[index]
        low, high = _floats(np.array([index << 16, (index + 1) << 16], np.uint32))
        return float(low + min(1.0, inside) * (high - low))


def exact_quantile(
    passes: Passes, q: float, *, histogram: AbsDeltaHistogram | None = None
) -> float:
    """The q quantile of abs(D), equal to `np.quantile(values.astype(float64), q)`.

    `passes()` starts a fresh pass over the deltas as arrays of any shape and number, and must
    give the same values each time. `histogram` (the sum of the shards' stored ones) saves the
    first of the two passes. ValueError if there are no values or one is not finite.
    """
    if histogram is None:
        histogram = sum((AbsDeltaHistogram.of(part) for part in passes()), AbsDeltaHistogram())
    position = _position(histogram.total, q)
    below = math.floor(position)
    wanted = np.array([below, min(below + 1, histogram.total - 1)])  # order statistics
    edge = np.cumsum(histogram.counts)
    bins = np.searchsorted(edge, wanted, side="right")
    low_counts = {int(index): np.zeros(N_LOW, np.int64) for index in bins}
    for part in passes():
        bits = _bits(part)
        upper = bits >> 16
        for index, counts in low_counts.items():
            counts += np.bincount(bits[upper == index] & (N_LOW - 1), minlength=N_LOW)
    patterns = []
    for rank, index in zip(wanted, bins, strict=True):
        counts = low_counts[int(index)]
        if counts.sum() != histogram.counts[index]:
            raise ValueError("the deltas changed between two passes, or do not fit the histogram")
        rank_in_bin = rank - (edge[index] - histogram.counts[index])
        low = np.searchsorted(np.cumsum(counts), rank_in_bin, side="right")
        patterns.append((int(index) << 16) | int(low))
    a, b = _floats(np.array(patterns, np.uint32)).tolist()
    fraction = position - below
    # Written from the nearer end, as numpy does, so that the last bit agrees.
    return b - (b - a) * (1 - fraction) if fraction >= 0.5 else a + (b - a) * fraction


def threshold(
    passes: Passes, keep_fraction: float, *, histogram: AbsDeltaHistogram | None = None
) -> float:
    """Tau for `keep_fraction` = k: tokens with abs(D) strictly above it are informative."""
    if not 0.0 < keep_fraction <= 1.0:
        raise ValueError(f"keep_fraction: {keep_fraction} is not above 0 and at most 1")
    if keep_fraction == 1.0:
        return -1.0  # every token counts, also one whose delta is exactly 0
    return exact_quantile(passes, 1.0 - keep_fraction, histogram=histogram)


def _position(total: int, q: float) -> float:
    if not 0.0 <= q <= 1.0:
        raise ValueError(f"quantile: {q} is not between 0 and 1")
    if total == 0:
        raise ValueError("no token deltas: a quantile of nothing is not defined")
    return (total - 1) * q


def _bits(deltas: np.ndarray) -> np.ndarray:
    """Bit patterns of abs(deltas), (n,) uint32."""
    values = np.abs(np.asarray(deltas, dtype=np.float32)).ravel()
    if not np.isfinite(values).all():
        raise ValueError("a token delta is not finite; rows with non-finite losses are not ok rows")
    return values.view(np.uint32)


def _floats(patterns: np.ndarray) -> np.ndarray:
    return patterns.view(np.float32).astype(np.float64)
