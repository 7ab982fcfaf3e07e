"""Blocked comparison of two sets of vectors: a fast product finds candidates, float64 decides."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tshirt_assets.selection.nearest.best import Best

CPU_TILE = 2048  # 16 MiB of products
CUDA_TILE = 8192  # 256 MiB
PAIRS = 16_384  # pairs whose cosines are computed at once
NOT_A_PAIR = -4.0  # below any cosine, also when halved: a sample with itself


class Tiles:
    """Vectors (n, C) of the samples `rows` (n,), on the fastest device, to compare others with."""

    def __init__(self, rows: np.ndarray, vectors: np.ndarray) -> None:
        self.rows, self.vectors = rows, vectors
        self.backend = fastest_backend()
        self._on_device = self.backend.put(vectors)
        # A product and its exact value differ by at most C * 2**-24 for vectors of length 1, the
        # exact value and its float32 by 2**-24; of two products each may err, hence twice.
        self._slack = np.float32(2.01 * (vectors.shape[1] + 2) * 2.0**-24)

    @property
    def height(self) -> int:
        """Rows of a tile."""
        return self.backend.height

    def compare(self, keys: np.ndarray, vectors: np.ndarray, best: Best, first: int) -> None:
        """Compare the vectors from place `first` on with `vectors` (m, C) of the samples `keys`.

        Every pair is offered to both sides; a sample is never compared with itself.
        """
        put, height = self.backend.put, self.height
        columns = put(vectors)
        for start in range(first, len(self.rows), height):
            rows = self.rows[start : start + height]
            with self.backend.full_precision():
                product = self._on_device[start : start + height] @ columns.T  # (h, m)
            _, i, j = np.intersect1d(rows, keys, assume_unique=True, return_indices=True)
            product[put(i), put(j)] = NOT_A_PAIR
            i, j = self._candidates(product, best.similarity[rows])
            best.offer(rows[i], keys[j], cosines(self.vectors[start + i], vectors[j]))
            j, i = self._candidates(product.T, best.similarity[keys])
            best.offer(keys[j], rows[i], cosines(vectors[j], self.vectors[start + i]))

    def _candidates(self, product: Any, best: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Entries (row, column) that may be their row's best, given the best so far (rows,)."""
        xp = self.backend.xp
        floor = self.backend.put(np.maximum(best - self._slack, NOT_A_PAIR / 2))
        top = xp.amax(product, 1)
        hit = xp.where(top >= floor)[0]
        limit = xp.maximum(top[hit] - float(self._slack), floor[hit])
        row, column = xp.where(product[hit] >= limit[:, None])
        return self.backend.get(hit[row]), self.backend.get(column)


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Row by row products of (P, C) and (P, C) unit vectors, (P,) float32 rounded from float64.

    The same pair always gets the same value, whichever comes first and whatever surrounds it.
    """
    out = np.empty(len(a), np.float32)
    for i in range(0, len(a), PAIRS):
        out[i : i + PAIRS] = (a[i : i + PAIRS].astype(np.float64) * b[i : i + PAIRS]).sum(axis=1)
    return out


@dataclass(frozen=True, slots=True)
class Backend:
    """Where products are computed: numpy, or torch on a device; `height` rows at a time."""

    xp: Any
    height: int
    device: str | None = None

    def put(self, array: np.ndarray) -> Any:
        """The array, where products are computed."""
        return array if self.device is None else self.xp.from_numpy(array).to(self.device)

    def get(self, array: Any) -> np.ndarray:
        """A result, as a numpy array."""
        return array if self.device is None else array.cpu().numpy()

    @contextmanager
    def full_precision(self) -> Iterator[None]:
        """No rounding of float32 products to TF32, whatever the scoring engine has set."""
        if self.device is None:
            yield
            return
        precision = self.xp.get_float32_matmul_precision()
        self.xp.set_float32_matmul_precision("highest")
        try:
            yield
        finally:
            self.xp.set_float32_matmul_precision(precision)


def fastest_backend() -> Backend:
    """A GPU if there is one, else numpy."""
    import torch

    if torch.cuda.is_available():
        return Backend(torch, CUDA_TILE, "cuda")
    return Backend(np, CPU_TILE)
