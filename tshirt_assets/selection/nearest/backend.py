"""Where products of vectors are made, and how exact they are: numpy, or PyTorch on a device."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

CPU_TILE = 2048  # 16 MiB of products
CUDA_TILE = 8192  # 256 MiB
LEAST_TILE = 64
CUDA_SHARE = 0.25  # of the free memory, for the vectors and again for a tile
PRODUCT_COPIES = 3  # of a tile's products, at most, that exist at a time
NOT_A_PAIR = -4.0  # below any cosine, also when halved: a sample with itself


@dataclass(frozen=True, slots=True)
class Backend:
    """Products in float32, by numpy or by torch on a device.

    `height` rows at a time, of vectors that take up at most `memory` bytes, if that is known;
    `full` is what is raised when the memory is too small all the same.
    """

    xp: Any
    height: int
    device: Any = None  # a torch.device; None: numpy
    memory: int | None = None
    full: type[Exception] = MemoryError

    @property
    def precise(self) -> "Backend | None":
        """What to take where these products leave too much open; None if there is no better."""
        return None

    def error(self, width: int) -> float:
        """How far a product of vectors of so many numbers may be from the cosine in float32."""
        # A product and its exact value differ by at most C * 2**-24 for vectors of length 1, the
        # exact value and its float32 by 2**-24.
        return 1.005 * (width + 2) * 2.0**-24

    def put(self, array: np.ndarray) -> Any:
        """The array, where products are computed."""
        return array if self.device is None else self.xp.from_numpy(array).to(self.device)

    def get(self, array: Any) -> np.ndarray:
        """A result, as a numpy array."""
        return array if self.device is None else array.cpu().numpy()

    def load(self, vectors: np.ndarray) -> Any:
        """Vectors (n, C) in the form that products are made of."""
        return self.put(vectors)

    def product(self, rows: Any, columns: Any) -> Any:
        """(h, m) products of loaded vectors (h, C) and (m, C), for the methods below."""
        with self._full_precision():
            return rows @ columns.T

    def leave_out(self, product: Any, i: np.ndarray, j: np.ndarray) -> None:
        """Put the pairs at these places (P,) below all others."""
        product[self.put(i), self.put(j)] = NOT_A_PAIR

    def greatest(self, product: Any) -> tuple[np.ndarray, np.ndarray]:
        """The greatest product of every row (h,) and of every column (m,), float32."""
        return self.get(self.xp.amax(product, 1)), self.get(self.xp.amax(product, 0))

    def reaching(self, product: Any, by_row: np.ndarray, by_column: np.ndarray) -> np.ndarray:
        """Places in the flat product that reach the limit of their row (h,) or column (m,)."""
        hit = product >= self.put(by_row)[:, None]
        hit |= product >= self.put(by_column)
        return self.get(self.xp.where(hit.ravel())[0])

    def release(self) -> None:
        """Give memory back that nothing uses."""
        if self.device is not None:
            from tshirt_assets.scoring.kernel.devices import release

            release(self.device)

    @contextmanager
    def _full_precision(self) -> Iterator[None]:
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
