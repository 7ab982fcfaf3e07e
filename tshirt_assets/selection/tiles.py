"""Blocked comparison of two sets of vectors: a fast product finds candidates, float64 decides."""

from types import ModuleType
from typing import Any, Protocol, Self

import numpy as np

CPU_TILE = 2048  # 16 MiB of products
CUDA_TILE = 8192  # 256 MiB
PAIRS = 16_384  # pairs whose cosines are computed at once


class Best(Protocol):
    """Best neighbour so far of every sample, by number."""

    similarity: np.ndarray  # (N,) float32

    def update(self, rows: np.ndarray, others: np.ndarray, similarity: np.ndarray) -> None:
        """Offer each of `rows` (P,) one of `others` (P,) with its cosine."""


class Tiles:
    """Vectors (n, C) of the samples `rows` (n,), on the fastest device, to compare others with.

    A context manager: within it, float32 products on CUDA are not rounded to TF32.
    """

    def __init__(self, rows: np.ndarray, vectors: np.ndarray) -> None:
        self.rows, self.vectors = rows, vectors
        self._xp, self._torch, self.height = _backend()
        self._on_device = self._put(vectors)
        width = vectors.shape[1]
        # A product and its exact value differ by at most C * 2**-24 for vectors of length 1, the
        # exact value and its float32 by 2**-24; of two products each may err, hence twice.
        self._slack = np.float32(2.01 * (width + 2) * 2.0**-24)

    def __enter__(self) -> Self:
        if self._torch is not None:
            self._precision = self._torch.get_float32_matmul_precision()
            self._torch.set_float32_matmul_precision("highest")
        return self

    def __exit__(self, *_: object) -> None:
        if self._torch is not None:
            self._torch.set_float32_matmul_precision(self._precision)

    def compare(self, keys: np.ndarray, vectors: np.ndarray, best: Best, first: int) -> None:
        """Compare the vectors from place `first` on with `vectors` (m, C) of the samples `keys`.

        Both sides' best neighbours are updated; a sample is never compared with itself.
        """
        columns = self._put(vectors)
        for start in range(first, len(self.rows), self.height):
            rows = self.rows[start : start + self.height]
            product = self._on_device[start : start + self.height] @ columns.T  # (h, m)
            _, i, j = np.intersect1d(rows, keys, assume_unique=True, return_indices=True)
            product[self._put(i), self._put(j)] = -2.0
            i, j = self._candidates(product, best.similarity[rows])
            best.update(rows[i], keys[j], cosines(self.vectors[start + i], vectors[j]))
            j, i = self._candidates(product.T, best.similarity[keys])
            best.update(keys[j], rows[i], cosines(vectors[j], self.vectors[start + i]))

    def _candidates(self, product: Any, best: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Entries (row, column) that may be their row's best, given the best so far (rows,)."""
        floor = self._put(best - self._slack)
        top = self._xp.amax(product, 1)
        hit = self._xp.where(top >= floor)[0]
        limit = self._xp.maximum(top[hit] - float(self._slack), floor[hit])
        row, column = self._xp.where(product[hit] >= limit[:, None])
        return self._get(hit[row]), self._get(column)

    def _put(self, array: np.ndarray) -> Any:
        return array if self._torch is None else self._torch.from_numpy(array).cuda()

    def _get(self, array: Any) -> np.ndarray:
        return array if self._torch is None else array.cpu().numpy()


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Row by row products of (P, C) and (P, C) unit vectors, (P,) float32 rounded from float64.

    The same pair always gets the same value, whichever comes first and whatever surrounds it.
    """
    out = np.empty(len(a), np.float32)
    for i in range(0, len(a), PAIRS):
        out[i : i + PAIRS] = (a[i : i + PAIRS].astype(np.float64) * b[i : i + PAIRS]).sum(axis=1)
    return out


def _backend() -> tuple[ModuleType, Any, int]:
    """numpy, or torch where it has a GPU; torch again or None; the tile's height."""
    import torch

    if torch.cuda.is_available():
        return torch, torch, CUDA_TILE
    return np, None, CPU_TILE
