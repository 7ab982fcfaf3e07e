"""The embeddings of a corpus as a stream of numbered vectors."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final

import numpy as np

Blocks = Callable[[], Iterable[tuple[Sequence[str] | np.ndarray, np.ndarray]]]
"""Starts a pass over all embeddings: sample_ids and their L2-normalised vectors (n, C)."""
HELD_SHARE: Final = 1 / 8


class Stream:
    """The vectors of all samples, read anew for each pass; samples are numbered by their ids.

    ids (N,): the sample_ids as bytes, sorted; a sample's number is its place. copies (N,): how
    often each comes. `memory` bounds the bytes that `gather` holds; a HELD_SHARE of it is for
    vectors that are so few that they are read only once.
    """

    def __init__(self, blocks: Blocks, memory: int) -> None:
        self._blocks, self._memory = blocks, memory
        parts: list[np.ndarray] = []
        held: list[tuple[np.ndarray, np.ndarray]] | None = []
        size = 0
        for block, vectors in blocks():
            parts.append(_as_bytes(block))
            size += vectors.nbytes
            if held is not None:
                held.append((parts[-1], vectors))
            if size > memory * HELD_SHARE:
                held = None
        if held is not None:
            self._blocks = partial(iter, held)
        ids = np.concatenate(parts) if parts else np.empty(0, "S1")
        self.ids, self.copies = np.unique(ids, return_counts=True)

    def __len__(self) -> int:
        return len(self.ids)

    def parts(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """One pass over the vectors: numbers (n,) and vectors (n, C) float32, no sample twice.

        ValueError if a vector is not finite or not of length 1.
        """
        seen = np.zeros(len(self), bool)
        for ids, vectors in self._blocks():
            if not len(ids):
                continue
            numbers = np.searchsorted(self.ids, _as_bytes(ids))
            first = np.zeros(len(numbers), bool)
            first[np.unique(numbers, return_index=True)[1]] = True
            first &= ~seen[numbers]
            seen[numbers] = True
            taken = np.asarray(vectors, dtype=np.float32)[first]
            unit = np.abs(np.einsum("nc,nc->n", taken, taken) - 1.0) < 1e-3
            if not unit.all():
                worst = self.ids[numbers[first][~unit][0]].decode()
                raise ValueError(f"embedding of sample {worst} is not a finite vector of length 1")
            yield numbers[first], taken

    def gather(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The first of the `wanted` (N,) samples that fit the memory, in the stream's order."""
        rows, vectors, count = np.empty(0, np.int64), np.empty((0, 0), np.float32), 0
        for numbers, part in self.parts():
            if not vectors.size:
                room = min(int(wanted.sum()), max(1, self._memory // part[0].nbytes))
                rows = np.empty(room, np.int64)
                vectors = np.empty((room, part.shape[1]), np.float32)
            keep = np.flatnonzero(wanted[numbers])[: len(rows) - count]
            rows[count : count + len(keep)] = numbers[keep]
            vectors[count : count + len(keep)] = part[keep]
            count += len(keep)
            if count == len(rows):
                break
        return rows, vectors

    def numbers(self, ids: Sequence[str] | np.ndarray) -> np.ndarray:
        """Numbers of sample_ids, -1 where there is no such sample."""
        wanted = _as_bytes(ids)
        if not len(self):
            return np.full(len(wanted), -1)
        place = np.minimum(np.searchsorted(self.ids, wanted), len(self) - 1)
        return np.where(self.ids[place] == wanted, place, -1)


def _as_bytes(ids: Sequence[str] | np.ndarray) -> np.ndarray:
    """Sample ids (hex digits) as fixed-width bytes, which sort like the strings."""
    return np.asarray(ids, dtype="S")
