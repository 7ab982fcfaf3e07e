"""Blocked comparison of two sets of vectors: a fast product finds candidates, float64 decides.

Products are made by numpy, or by PyTorch on the device that was asked for (`Backend`).
"""

import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tshirt_assets.selection.nearest.best import Best

logger = logging.getLogger(__name__)

CPU_TILE = 2048  # 16 MiB of products
CUDA_TILE = 8192  # 256 MiB
LEAST_TILE = 64
CUDA_SHARE = 0.25  # of the free memory, for the vectors and again for a tile
PRODUCT_COPIES = 3  # of a tile's products, at most, that exist at a time
PAIRS = 16_384  # pairs whose cosines are computed at once
NOT_A_PAIR = -4.0  # below any cosine, also when halved: a sample with itself


class Tiles:
    """Vectors (n, C) of the samples `rows` (n,), on a device, to compare others with.

    A device that runs out of memory gets half as many rows at a time from then on.
    """

    def __init__(self, rows: np.ndarray, vectors: np.ndarray, backend: "Backend") -> None:
        self.rows, self.vectors, self.backend = rows, vectors, backend
        self.height = backend.height
        self._on_device = self.backend.put(vectors)
        # A product and its exact value differ by at most C * 2**-24 for vectors of length 1, the
        # exact value and its float32 by 2**-24; of two products each may err, hence twice.
        self._slack = np.float32(2.01 * (vectors.shape[1] + 2) * 2.0**-24)

    def compare(self, keys: np.ndarray, vectors: np.ndarray, best: Best, first: int) -> None:
        """Compare the vectors from place `first` on with `vectors` (m, C) of the samples `keys`.

        Every pair is offered to both sides; a sample is never compared with itself.
        """
        start = first
        while start < len(self.rows):
            try:
                self._compare_rows(slice(start, start + self.height), keys, vectors, best)
            except self.backend.full:
                if self.height <= LEAST_TILE:
                    raise
                self.height //= 2
            else:
                start += self.height
                continue
            # Outside the handler, where the exception no longer holds the products.
            self.backend.release()
            logger.warning("out of memory: comparing %d vectors at a time", self.height)

    def _compare_rows(self, part: slice, keys: np.ndarray, vectors: np.ndarray, best: Best) -> None:
        put = self.backend.put
        rows, own = self.rows[part], self.vectors[part]
        with self.backend.full_precision():
            product = self._on_device[part] @ put(vectors).T  # (h, m)
        _, i, j = np.intersect1d(rows, keys, assume_unique=True, return_indices=True)
        product[put(i), put(j)] = NOT_A_PAIR
        i, j = self._candidates(product, best.similarity[rows])
        best.offer(rows[i], keys[j], cosines(own[i], vectors[j]))
        j, i = self._candidates(product.T, best.similarity[keys])
        best.offer(keys[j], rows[i], cosines(vectors[j], own[i]))

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
    """Where products are computed: numpy, or torch on a device.

    `height` rows at a time, of vectors that take up at most `memory` bytes, if that is known;
    `full` is what is raised when the memory is too small all the same.
    """

    xp: Any
    height: int
    device: Any = None  # a torch.device; None: numpy
    memory: int | None = None
    full: type[Exception] = MemoryError

    def put(self, array: np.ndarray) -> Any:
        """The array, where products are computed."""
        return array if self.device is None else self.xp.from_numpy(array).to(self.device)

    def get(self, array: Any) -> np.ndarray:
        """A result, as a numpy array."""
        return array if self.device is None else array.cpu().numpy()

    def release(self) -> None:
        """Give memory back that nothing uses."""
        if self.device is not None:
            from tshirt_assets.scoring.kernel.devices import release

            release(self.device)

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


def backend_on(device: str) -> Backend:
    """The backend on the device of an option: a card for CUDA's names, else numpy.

    Raises:
        ValueError: there is no such device here.
    """
    from tshirt_assets.scoring.kernel.devices import torch_device

    found = torch_device(device)
    if found.type == "cpu":
        return Backend(np, CPU_TILE)
    import torch

    height, memory = CUDA_TILE, None
    if found.type == "cuda":
        memory = int(CUDA_SHARE * torch.cuda.mem_get_info(found)[0])
        side = math.isqrt(memory // (PRODUCT_COPIES * np.float32().itemsize))
        height = max(LEAST_TILE, min(CUDA_TILE, side))
    return Backend(torch, height, found, memory, torch.OutOfMemoryError)
