"""Chances, shares and differences, with intervals over rows; the rows of all copies by source.

A row of the corpus is in every planted copy: it is drawn, or left out, in all of them at once.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

REPEATS: Final = 1_000  # of the bootstrap
FEWEST_REPEATS: Final = 200
NUMBERS: Final = 4_000_000  # drawn at most, of large corpora: what is held in memory
LEVEL: Final = 0.95
Z: Final = 1.959964  # of the normal distribution, for the level
FEW: Final = 5  # rows; of fewer nothing is said in words


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its interval, over `n` rows; all are NaN where there is nothing to count."""

    value: float
    low: float
    high: float
    n: int

    def against(self, level: float) -> str:
        """`more` or `fewer` where the whole interval lies on one side of the level, else empty."""
        if self.n < FEW or math.isnan(self.value):
            return ""
        return "more" if self.low > level else "fewer" if self.high < level else ""

    def values(self) -> list[float | int | None]:
        """value, low, high and n, rounded as files have them."""
        numbers = (self.value, self.low, self.high)
        return [*(None if math.isnan(one) else round(one, 4) for one in numbers), self.n]


@dataclass(frozen=True, slots=True)
class Marked:
    """Values (n,) of the rows of one copy, which of them are corrupted (n,), and whose rows they
    are (n,): numbers of sources."""

    values: np.ndarray
    corrupted: np.ndarray
    sources: np.ndarray


def draws(sources: int, seed: int) -> np.ndarray:
    """How often each source is in each bootstrap sample: (repeats, sources), float32."""
    rng = np.random.default_rng(seed)
    repeats = min(REPEATS, max(FEWEST_REPEATS, NUMBERS // max(1, sources)))
    even = np.full(sources, 1.0 / max(1, sources))
    return rng.multinomial(sources, even, size=repeats).astype(np.float32)


def auc(copies: Sequence[Marked], weights: np.ndarray) -> Estimate:
    """The chance that a corrupted row has a higher value than one that is not, ties counted half.

    Over the pairs of rows of the same copy. weights: of `draws`.
    """
    won = total = 0.0
    won_drawn, total_drawn = np.zeros(len(weights)), np.zeros(len(weights))
    for copy in copies:
        ones = np.ones((1, weights.shape[1]), np.float32)
        once, more = _pairs(copy, ones), _pairs(copy, weights)
        won, total = won + once[0][0], total + once[1][0]
        won_drawn, total_drawn = won_drawn + more[0], total_drawn + more[1]
    n = sum(int(copy.corrupted.sum()) for copy in copies)
    if total == 0:
        return Estimate(math.nan, math.nan, math.nan, n)
    drawn = won_drawn[total_drawn > 0] / total_drawn[total_drawn > 0]
    return Estimate(won / total, *middle(drawn), n)


def share(corrupted: Sequence[bool], sources: Sequence[int]) -> Estimate:
    """The corrupted share of selected rows, of all copies and draws, with Wilson's interval.

    sources: whose row each is. A row that is selected many times counts, for the interval, less
    than as many rows: by Kish, (sum of counts)^2 / sum of squared counts are independent.
    """
    if not len(corrupted):
        return Estimate(math.nan, math.nan, math.nan, 0)
    counts = np.bincount(np.asarray(sources))
    n = counts.sum() ** 2 / (counts.astype(np.float64) ** 2).sum()
    p = float(np.mean(corrupted))
    center = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
    reach = Z / (1 + Z**2 / n) * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    low, high = max(0.0, center - reach), min(1.0, center + reach)
    return Estimate(p, min(low, p), max(high, p), int((counts > 0).sum()))


def difference(
    one: np.ndarray, other: np.ndarray, corrupted: np.ndarray, weights: np.ndarray
) -> Estimate:
    """Corrupted share of one selection less that of another from the same copies.

    one, other: how often each selects each row, (copies, sources); corrupted: of each row there.
    The interval is over sources, drawn for both at once.
    """
    counts = [chosen.sum(axis=0) for chosen in (one, other)]
    bad = [(chosen * corrupted).sum(axis=0) for chosen in (one, other)]
    if not counts[0].sum() or not counts[1].sum():
        return Estimate(math.nan, math.nan, math.nan, 0)
    value = bad[0].sum() / counts[0].sum() - bad[1].sum() / counts[1].sum()
    sizes = [weights @ count for count in counts]
    there = (sizes[0] > 0) & (sizes[1] > 0)
    shares = [(weights @ part)[there] / size[there] for part, size in zip(bad, sizes, strict=True)]
    n = int(((counts[0] > 0) | (counts[1] > 0)).sum())
    return Estimate(float(value), *middle(shares[0] - shares[1]), n)


def _pairs(copy: Marked, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted pairs that the corrupted row wins, and all pairs: (repeats,) each, float64."""
    order = np.argsort(copy.values, kind="stable")
    values, corrupted = copy.values[order], copy.corrupted[order]
    own = weights[:, copy.sources[order]].astype(np.float64)
    clean = np.cumsum(own * ~corrupted, axis=1)
    clean = np.concatenate([np.zeros((len(own), 1)), clean], axis=1)
    bad, at = own[:, corrupted], values[corrupted]
    below = clean[:, np.searchsorted(values, at, side="left")]
    up_to = clean[:, np.searchsorted(values, at, side="right")]
    return (bad * (below + up_to) / 2).sum(axis=1), bad.sum(axis=1) * clean[:, -1]


def middle(drawn: np.ndarray) -> tuple[float, float]:
    """The ends of the middle 95 % of the draws; NaN where there are none."""
    if not len(drawn):
        return math.nan, math.nan
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
