"""Exact nearest neighbours over vectors that are streamed, never all pairs at once."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from tshirt_assets.selection.nearest.backend import Backend
from tshirt_assets.selection.nearest.best import Best
from tshirt_assets.selection.nearest.streaming import Stream
from tshirt_assets.selection.nearest.tiles import Tiles


def compare_all(
    stream: Stream,
    best: Best,
    active: np.ndarray,
    backend: Backend,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Compare every pair that has an `active` (N,) sample, and offer it to both its members."""
    n, done = len(stream), np.zeros(len(stream), bool)
    n_active, compared = int(active.sum()), 0.0
    while (remaining := active & ~done).any():
        rows, vectors = stream.gather(remaining)
        slot = np.full(n, -1)  # (N,), place among the loaded vectors
        slot[rows] = np.arange(len(rows))
        whole = len(rows) == n
        tiles = Tiles(rows, vectors, backend)
        parts = [(rows, vectors)] if whole else stream.parts()
        for keys, key_vectors in _sliced(parts, tiles.height):
            loaded = slot[keys] >= 0
            others = ~loaded & ~done[keys]
            if loaded.any():  # the same order as in the tiles: earlier pairs are done
                first = int(slot[keys[loaded]].min())
                tiles.compare(keys[loaded], key_vectors[loaded], best, first)
            if others.any():
                tiles.compare(keys[others], key_vectors[others], best, 0)
            if progress is not None:
                compared += len(rows) * (loaded.sum() / 2 + others.sum())
                progress(float(compared / (n_active * (n - n_active / 2))))
        done[rows] = True


def _sliced(
    parts: Iterable[tuple[np.ndarray, np.ndarray]], height: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The same numbers and vectors, at most `height` rows at a time."""
    for rows, vectors in parts:
        for start in range(0, len(rows), height):
            yield rows[start : start + height], vectors[start : start + height]
