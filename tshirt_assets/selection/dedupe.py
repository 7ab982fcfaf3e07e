"""Skip rows that say nearly the same thing as a row already selected."""

from collections.abc import Callable, Sequence

import numpy as np

Vectors = Callable[[list[str]], np.ndarray]
"""Gives the L2-normalised embeddings (n, C) float32 of n sample_ids, in their order."""


class SimilarityFilter:
    """Greedy near-duplicate filter over a ranking, asked row by row.

    ids: the ranking's sample_ids. A row is admitted while its cosine to every row added so far
    stays below `threshold`. Vectors are fetched `block` rows at a time; memory holds the added
    rows' vectors and two blocks.
    """

    def __init__(
        self, ids: Sequence[str], vectors: Vectors, threshold: float, *, block: int = 4096
    ) -> None:
        self._ids, self._vectors, self._threshold, self._block = ids, vectors, threshold, block
        self._added: list[np.ndarray] = []  # each (<= block, C)
        self._pending: list[np.ndarray] = []  # added since the last full chunk, each (C,)
        self._start = -1
        self._rows = np.empty((0, 0), np.float32)  # (block, C), vectors of the block in hand
        self._closest = np.empty(0, np.float32)  # (block,), highest cosine to an added row

    def admits(self, index: int) -> bool:
        """True if row `index` of the ranking is not too similar to any added row."""
        self._load(index)
        return bool(self._closest[index - self._start] < self._threshold)

    def add(self, index: int) -> None:
        """Row `index` is selected: later rows must differ from it."""
        self._load(index)
        vector = self._rows[index - self._start]
        np.maximum(self._closest, self._rows @ vector, out=self._closest)
        self._pending.append(vector)
        if len(self._pending) == self._block:
            self._added.append(np.stack(self._pending))
            self._pending = []

    def _load(self, index: int) -> None:
        start = index - index % self._block
        if start == self._start:
            return
        self._start = start
        self._rows = self._vectors(list(self._ids[start : start + self._block]))
        self._closest = np.full(len(self._rows), -np.inf, np.float32)
        pending = [np.stack(self._pending)] if self._pending else []
        for added in (*self._added, *pending):
            np.maximum(self._closest, (self._rows @ added.T).max(axis=1), out=self._closest)
