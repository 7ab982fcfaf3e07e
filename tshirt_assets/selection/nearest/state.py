"""The state of a neighbour search over vectors that are streamed, never all pairs at once."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import polars as pl

from tshirt_assets.selection.nearest.tiles import Tiles

Blocks = Callable[[], Iterable[tuple[Sequence[str], np.ndarray]]]
"""Starts a pass over all embeddings: sample_ids and their L2-normalised vectors (n, C)."""


class Search:
    """Best neighbour so far of every sample; samples are numbered in order of their ids."""

    def __init__(self, blocks: Blocks, index: np.ndarray, memory: int) -> None:
        self.blocks, self.index, self.memory = blocks, index, memory
        self.best = np.full(len(index), -1, np.int64)  # (N,), -1 = none yet
        self.similarity = np.full(len(index), -np.inf, np.float32)  # (N,)

    def fresh(self) -> "Search":
        """The same samples without any neighbours."""
        return Search(self.blocks, self.index, self.memory)

    def resume(self, previous: pl.DataFrame, own: np.ndarray) -> np.ndarray:
        """Take over the neighbours that still exist; returns who needs a full search, (N,) bool.

        own: (N,) bool, the samples that may be their own neighbours.
        """
        known = previous.select("sample_id", "neighbour_id", "similarity").drop_nulls()
        row, neighbour = self._find(known["sample_id"]), self._find(known["neighbour_id"])
        here = (row >= 0) & (neighbour >= 0)
        row, neighbour = row[here], neighbour[here]
        similarity = known["similarity"].to_numpy()[here]
        valid = (row != neighbour) | own[row]
        self.best[row[valid]] = neighbour[valid]
        self.similarity[row[valid]] = similarity[valid]
        return self.best < 0

    def compare(self, active: np.ndarray, progress: Callable[[float], None] | None = None) -> None:
        """Compare every pair that has an active sample, for both its members."""
        n, done = len(self.index), np.zeros(len(self.index), bool)
        n_active, compared = int(active.sum()), 0.0
        while (remaining := active & ~done).any():
            rows, vectors = self.gather(remaining)
            slot = np.full(n, -1)  # (N,), place among the loaded vectors
            slot[rows] = np.arange(len(rows))
            whole = len(rows) == n
            tiles = Tiles(rows, vectors)
            parts = [(rows, vectors)] if whole else self.stream()
            for keys, key_vectors in _sliced(parts, tiles.height):
                loaded = slot[keys] >= 0
                others = ~loaded & ~done[keys]
                if loaded.any():  # the same order as in the tiles: earlier pairs are done
                    first = int(slot[keys[loaded]].min())
                    tiles.compare(keys[loaded], key_vectors[loaded], self, first)
                if others.any():
                    tiles.compare(keys[others], key_vectors[others], self, 0)
                if progress is not None:
                    compared += len(rows) * (loaded.sum() / 2 + others.sum())
                    progress(float(compared / (n_active * (n - n_active / 2))))
            done[rows] = True

    def update(self, rows: np.ndarray, others: np.ndarray, similarity: np.ndarray) -> None:
        """Let each of `rows` (P,) take its one of `others` (P,) as neighbour where it is nearer."""
        order = np.lexsort((others, -similarity, rows))
        rows, first = np.unique(rows[order], return_index=True)
        others, similarity = others[order][first], similarity[order][first]
        nearer = (similarity > self.similarity[rows]) | (
            (similarity == self.similarity[rows]) & (others < self.best[rows])
        )
        self.best[rows[nearer]] = others[nearer]
        self.similarity[rows[nearer]] = similarity[nearer]

    def stream(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """One pass over the vectors: numbers (n,) and vectors (n, C) float32, no sample twice."""
        seen = np.zeros(len(self.index), bool)
        for ids, vectors in self.blocks():
            if not len(ids):
                continue
            numbers = np.searchsorted(self.index, _as_bytes(ids))
            first = np.zeros(len(numbers), bool)
            first[np.unique(numbers, return_index=True)[1]] = True
            first &= ~seen[numbers]
            seen[numbers] = True
            taken = np.asarray(vectors, dtype=np.float32)[first]
            unit = np.abs(np.einsum("nc,nc->n", taken, taken) - 1.0) < 1e-3
            if not unit.all():
                worst = self.index[numbers[first][~unit][0]].decode()
                raise ValueError(f"embedding of sample {worst} is not a finite vector of length 1")
            yield numbers[first], taken

    def frame(self) -> pl.DataFrame:
        """The neighbours as a table."""
        found = pl.Series(self.best >= 0)
        ids = pl.Series("sample_id", self.index.astype(str), dtype=pl.String)
        return pl.DataFrame(
            {
                "sample_id": ids,
                "neighbour_id": ids.gather(np.maximum(self.best, 0)) if len(ids) else ids,
                "similarity": pl.Series(self.similarity, dtype=pl.Float32),
            }
        ).with_columns(pl.when(found).then(pl.col("neighbour_id", "similarity")))

    def gather(self, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The first `wanted` samples of the stream that fit the memory, in the stream's order."""
        rows, vectors, count = np.empty(0, np.int64), np.empty((0, 0), np.float32), 0
        for numbers, part in self.stream():
            if not vectors.size:
                room = min(int(wanted.sum()), max(1, self.memory // part[0].nbytes))
                rows = np.empty(room, np.int64)
                vectors = np.empty((room, part.shape[1]), np.float32)
            keep = np.flatnonzero(wanted[numbers])[: len(rows) - count]
            rows[count : count + len(keep)] = numbers[keep]
            vectors[count : count + len(keep)] = part[keep]
            count += len(keep)
            if count == len(rows):
                break
        return rows, vectors

    def _find(self, ids: pl.Series) -> np.ndarray:
        """Numbers of sample_ids, -1 where there is no such sample."""
        wanted = _as_bytes(ids.to_numpy())
        if not len(self.index):
            return np.full(len(wanted), -1)
        place = np.minimum(np.searchsorted(self.index, wanted), len(self.index) - 1)
        return np.where(self.index[place] == wanted, place, -1)


def count_ids(blocks: Blocks) -> tuple[np.ndarray, np.ndarray]:
    """All sample_ids, sorted, (N,) bytes, and how often each comes, (N,)."""
    parts = [_as_bytes(ids) for ids, _ in blocks()]
    if not parts:
        return np.empty(0, "S1"), np.empty(0, np.int64)
    return np.unique(np.concatenate(parts), return_counts=True)


def each_tenth(progress: Callable[[float], None]) -> Callable[[float], None]:
    """Pass on a share of work done only when another tenth of it is."""
    tenths = 0

    def listen(share: float) -> None:
        nonlocal tenths
        if int(share * 10 + 1e-6) > tenths:
            tenths = int(share * 10 + 1e-6)
            progress(share)

    return listen


def _as_bytes(ids: Sequence[str] | np.ndarray) -> np.ndarray:
    """Sample ids (hex digits) as fixed-width bytes, which sort like the strings."""
    return np.asarray(ids, dtype="S")


def _sliced(
    parts: Iterable[tuple[np.ndarray, np.ndarray]], height: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for rows, vectors in parts:
        for start in range(0, len(rows), height):
            yield rows[start : start + height], vectors[start : start + height]
