"""Approximate nearest neighbours of large corpora by faiss, their recall measured.

Vectors are turned so that the first dimensions hold most of them; by those they are sorted into
lists, and looked through as 4-bit product codes. The best are compared in full. At the same recall
that is a tenth of what full vectors throughout would take.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tshirt_assets.selection.nearest.backend import Backend
from tshirt_assets.selection.nearest.best import Best
from tshirt_assets.selection.nearest.exact import compare_all
from tshirt_assets.selection.nearest.streaming import Stream
from tshirt_assets.selection.nearest.tiles import cosines

N_CHECKED = 1000
"""Samples whose neighbour is compared with the exact one."""
TARGET_RECALL = 0.95
FIRST_PROBES, MAX_PROBES = 16, 128
# More of either makes the lists dearer and finds no more: 0.939 against 0.930 of the neighbours of
# 200,000 vectors in 16 lists, with four times the samples and ten rounds.
TRAINING_PER_LIST, ROUNDS = 16, 4
TURNED_WIDTH = 128  # dimensions by which candidates are found, of wider vectors
MIN_SAMPLES = 16  # without which 4-bit codes cannot be trained
N_COMPARED = 32  # candidates by their codes that are compared in full, itself among them
N_QUERIES, N_FULL = 4096, 128  # rows looked up, and compared in full, at a time


def approximate(
    stream: Stream,
    best: Best,
    backend: Backend,
    *,
    seed: int,
    progress: Callable[[float], None] | None = None,
) -> float:
    """Offer approximate neighbours to all samples; returns recall@1.

    The vectors are clustered into 4 * sqrt(N) lists. A query looks into 16 of them, or twice as
    many, up to 128, until TARGET_RECALL of a random sample of rows get a neighbour as near as the
    exact one, found by `backend`; that share is the recall. All vectors are held at once.
    ImportError, with the remedy, if faiss is missing.
    """
    n, rng = len(stream), np.random.default_rng(seed)
    lists = _Lists(stream, rng, seed)
    checked, exact = _drawn(rng, n, N_CHECKED), Best(n)
    compare_all(stream, exact, checked, backend)
    sample = np.flatnonzero(checked)
    lists.probes = min(FIRST_PROBES, lists.count)
    while True:
        _, similarity = lists.search(sample)
        recall = float((similarity >= exact.similarity[sample]).mean())
        if recall >= TARGET_RECALL or lists.probes >= min(MAX_PROBES, lists.count):
            break
        lists.probes *= 2

    for start in range(0, n, N_QUERIES):
        rows = np.arange(start, min(start + N_QUERIES, n))
        found, similarity = lists.search(rows)
        hit = found >= 0
        best.offer(rows[hit], found[hit], similarity[hit])
        if progress is not None:
            progress((rows[-1] + 1) / n)
    return recall


class _Lists:
    """All vectors by their samples' numbers, and faiss's lists of them.

    count: how many lists there are. probes: into how many of them a search looks.
    """

    def __init__(self, stream: Stream, rng: np.random.Generator, seed: int) -> None:
        faiss = _faiss()
        n = len(stream)
        self.count = max(1, min(int(4 * math.sqrt(n)), n // TRAINING_PER_LIST))
        training = stream.gather(_drawn(rng, n, self.count * TRAINING_PER_LIST))[1]
        width = training.shape[1]
        turned = TURNED_WIDTH if TURNED_WIDTH < width <= len(training) else width
        turn = f"PCA{turned}," if turned < width else ""
        codes = turned if turned % 2 else turned // 2
        self._index: Any = faiss.index_factory(
            width, f"{turn}IVF{self.count},PQ{codes}x4fs", faiss.METRIC_INNER_PRODUCT
        )
        self._lists = faiss.extract_index_ivf(self._index)
        clustering = self._lists.cp
        clustering.seed, clustering.niter, clustering.min_points_per_centroid = seed, ROUNDS, 1
        self._index.train(training)
        del training
        self._vectors = np.empty((n, width), np.float32)
        for numbers, vectors in stream.parts():
            self._vectors[numbers] = vectors
            self._index.add_with_ids(vectors, numbers)

    @property
    def probes(self) -> int:
        return int(self._lists.nprobe)

    @probes.setter
    def probes(self, probes: int) -> None:
        self._lists.nprobe = probes

    def search(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Nearest other sample of each of `rows` (n,): its number, -1 if none, and the cosine.

        Of candidates that are equally near, the smaller number.
        """
        vectors = self._vectors[rows]
        candidates = self._index.search(vectors, N_COMPARED)[1]  # (n, N_COMPARED)
        candidates.sort(axis=1)
        candidates[candidates == rows[:, None]] = -1
        neighbour = np.empty(len(rows), np.int64)
        for start in range(0, len(rows), N_FULL):
            part = slice(start, start + N_FULL)
            near = candidates[part]
            products = np.matmul(self._vectors[near], vectors[part, :, None])[..., 0]
            products[near < 0] = -np.inf
            neighbour[part] = near[np.arange(len(near)), products.argmax(axis=1)]
        similarity = np.full(len(rows), -np.inf, np.float32)
        hit = neighbour >= 0
        similarity[hit] = cosines(vectors[hit], self._vectors[neighbour[hit]])
        return neighbour, similarity


def _faiss() -> Any:
    try:
        import faiss
    except ImportError:
        raise ImportError(
            "approximate neighbours need faiss: pip install 'tshirt-assets[faiss]', or raise "
            "exact_neighbours_up_to"
        ) from None
    return faiss


def _drawn(rng: np.random.Generator, n: int, count: int) -> np.ndarray:
    """(n,) bool: `count` of n at random, or all if there are fewer."""
    drawn = np.zeros(n, bool)
    drawn[rng.choice(n, min(count, n), replace=False)] = True
    return drawn
