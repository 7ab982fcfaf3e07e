"""Blocked comparison of two sets of vectors: a fast product finds candidates, float64 decides."""

import logging
from typing import Any

import numpy as np

from tshirt_assets.selection.nearest.backend import LEAST_TILE, NOT_A_PAIR, Backend
from tshirt_assets.selection.nearest.best import Best

logger = logging.getLogger(__name__)

PAIRS = 16_384  # pairs whose cosines are computed at once
MOST_PAIRS = 32_768  # of a tile, before better products are the cheaper way to have fewer


class Tiles:
    """Vectors (n, C) of the samples `rows` (n,), on a device, to compare others with.

    A device that runs out of memory gets half as many rows at a time from then on.
    """

    def __init__(self, rows: np.ndarray, vectors: np.ndarray, backend: Backend) -> None:
        self.rows, self.vectors, self.backend = rows, vectors, backend
        self.height = backend.height
        self._loaded = backend.load(vectors)

    def compare(self, keys: np.ndarray, vectors: np.ndarray, best: Best, first: int) -> None:
        """Compare the vectors from place `first` on with `vectors` (m, C) of the samples `keys`.

        Every pair is offered to both sides; a sample is never compared with itself.
        """
        loaded, start = self.backend.load(vectors), first
        while start < len(self.rows):
            part = slice(start, start + self.height)
            try:
                near = self._near(self.backend, part, self._loaded[part], keys, loaded, best)
                if len(near) > MOST_PAIRS and (precise := self.backend.precise):
                    near = self._near(precise, part, self.vectors[part], keys, vectors, best)
            except self.backend.full:
                if self.height <= LEAST_TILE:
                    raise
                self.height //= 2
            else:
                self._offer(near, part, keys, vectors, best)
                start += self.height
                continue
            # Outside the handler, where the exception no longer holds the products.
            self.backend.release()
            logger.warning("out of memory: comparing %d vectors at a time", self.height)

    def _near(
        self, backend: Backend, part: slice, own: Any, keys: np.ndarray, others: Any, best: Best
    ) -> np.ndarray:
        """Places in the flat product of a part with the keys that may be best for either side."""
        rows = self.rows[part]
        product = backend.product(own, others)  # (h, m)
        _, i, j = np.intersect1d(rows, keys, assume_unique=True, return_indices=True)
        backend.leave_out(product, i, j)
        error = np.float32(backend.error(self.vectors.shape[1]))
        limits = [
            # Of two products each may err; what is best so far is no product.
            np.maximum(top - 2 * error, np.maximum(known - error, NOT_A_PAIR / 2))
            for top, known in zip(
                backend.greatest(product),
                (best.similarity[rows], best.similarity[keys]),
                strict=True,
            )
        ]
        return backend.reaching(product, *limits)

    def _offer(
        self, near: np.ndarray, part: slice, keys: np.ndarray, vectors: np.ndarray, best: Best
    ) -> None:
        """Offer pairs, by their places in the flat product, to both sides."""
        rows, own = self.rows[part], self.vectors[part]
        for start in range(0, len(near), PAIRS):
            i, j = np.divmod(near[start : start + PAIRS], len(keys))
            similarity = cosines(own[i], vectors[j])
            best.offer(rows[i], keys[j], similarity)
            best.offer(keys[j], rows[i], similarity)


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Row by row products of (P, C) and (P, C) unit vectors, (P,) float32 rounded from float64.

    The same pair always gets the same value, whichever comes first and whatever surrounds it.
    """
    out = np.empty(len(a), np.float32)
    for i in range(0, len(a), PAIRS):
        out[i : i + PAIRS] = (a[i : i + PAIRS].astype(np.float64) * b[i : i + PAIRS]).sum(axis=1)
    return out
