"""The best neighbours found so far."""

import numpy as np


class Best:
    """The best neighbour so far of each of n samples, which go by number.

    neighbour (n,) int64: its number, -1 = none yet. similarity (n,) float32: its cosine.
    """

    def __init__(self, n: int) -> None:
        self.neighbour = np.full(n, -1, np.int64)
        self.similarity = np.full(n, -np.inf, np.float32)

    def offer(self, rows: np.ndarray, others: np.ndarray, similarity: np.ndarray) -> None:
        """Let each of `rows` (P,) take its one of `others` (P,) as neighbour where it is nearer.

        Of two that are equally near the smaller number is taken. A row may come more than once.
        """
        able = similarity >= self.similarity[rows]
        rows, others, similarity = rows[able], others[able], similarity[able]
        order = np.lexsort((others, -similarity, rows))
        rows, first = np.unique(rows[order], return_index=True)
        others, similarity = others[order][first], similarity[order][first]
        nearer = (similarity > self.similarity[rows]) | (
            (similarity == self.similarity[rows]) & (others < self.neighbour[rows])
        )
        self.neighbour[rows[nearer]] = others[nearer]
        self.similarity[rows[nearer]] = similarity[nearer]
