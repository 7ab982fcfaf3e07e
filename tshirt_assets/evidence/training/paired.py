"""How much of a difference to the randoms would stay with other rows, seeds and random draws."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from tshirt_assets.evidence.intervals import middle

DRAWS: Final = 4_000


@dataclass(frozen=True, slots=True)
class PairedInterval:
    """A mean difference in nats per response token, and its bootstrap interval; below 0 is better.

    verdict: in words.
    """

    mean: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """What the interval says."""
        if self.high < 0:
            return "better than random"
        return "worse than random" if self.low > 0 else "not better than random"


def paired_interval(
    own: np.ndarray, randoms: np.ndarray, *, draws: int = DRAWS, seed: int = 0
) -> PairedInterval:
    """Mean of `own` minus the mean of `randoms`, row by row and seed by seed.

    own: losses (S, R) of S seeds on R rows. randoms: losses (K, S, R) of K random subsets on the
    same rows. Rows, seeds and random subsets are drawn again with replacement, each on its own;
    the interval is that of the 2.5 % and 97.5 % quantiles. The same arguments give the same.
    """
    subsets, seeds, rows = randoms.shape
    generator = np.random.default_rng(seed)

    def weights(size: int) -> np.ndarray:  # (draws, size), each line adds up to 1
        return generator.multinomial(size, np.full(size, 1 / size), draws) / size

    of_row, of_seed, of_subset = weights(rows), weights(seeds), weights(subsets)
    mine = np.einsum("bs,br,sr->b", of_seed, of_row, own, optimize=True)
    theirs = np.einsum("bk,bs,br,ksr->b", of_subset, of_seed, of_row, randoms, optimize=True)
    return PairedInterval(float(own.mean() - randoms.mean()), *middle(mine - theirs))
