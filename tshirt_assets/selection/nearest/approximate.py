"""Approximate nearest neighbours of large corpora by faiss, their recall measured.

Vectors are looked through as 4-bit product codes, list by list, and the best of them compared in
full: at the same recall ten times faster than full vectors throughout.
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
TRAINING_PER_LIST = 64
N_QUERIES = 4096
MIN_SAMPLES = 16  # without which 4-bit codes cannot be trained
N_COMPARED = 16  # candidates by their codes that are compared in full, per neighbour wanted


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
    exact one, found by `backend`; that share is the recall. ImportError, with the remedy, if faiss
    is missing.
    """
    n, rng = len(stream), np.random.default_rng(seed)
    checked = _drawn(rng, n, N_CHECKED)
    index, lists, order = _index(stream, rng, seed)
    exact = Best(n)
    compare_all(stream, exact, checked, backend)
    queries, vectors = stream.gather(checked)
    lists.nprobe = FIRST_PROBES
    while True:
        _, similarity = _search(index, order, queries, vectors)
        recall = float((similarity >= exact.similarity[queries]).mean())
        if recall >= TARGET_RECALL or lists.nprobe >= min(MAX_PROBES, lists.nlist):
            break
        lists.nprobe *= 2

    done = 0
    for numbers, vectors in stream.parts():
        for start in range(0, len(numbers), N_QUERIES):
            part = slice(start, start + N_QUERIES)
            found, similarity = _search(index, order, numbers[part], vectors[part])
            hit = found >= 0
            best.offer(numbers[part][hit], found[hit], similarity[hit])
        done += len(numbers)
        if progress is not None:
            progress(done / n)
    return recall


def _index(stream: Stream, rng: np.random.Generator, seed: int) -> tuple[Any, Any, np.ndarray]:
    """The index of all vectors, its lists, and the sample's number by the place in the index."""
    try:
        import faiss
    except ImportError:
        raise ImportError(
            "approximate neighbours need faiss: pip install 'tshirt-assets[faiss]', or raise "
            "exact_neighbours_up_to"
        ) from None
    n = len(stream)
    n_lists = max(1, min(int(4 * math.sqrt(n)), n // TRAINING_PER_LIST))
    training = stream.gather(_drawn(rng, n, n_lists * TRAINING_PER_LIST))[1]
    width = training.shape[1]
    n_codes = width if width % 2 else width // 2
    index: Any = faiss.index_factory(
        width, f"IVF{n_lists},PQ{n_codes}x4fs,RFlat", faiss.METRIC_INNER_PRODUCT
    )
    index.k_factor = N_COMPARED
    lists = faiss.extract_index_ivf(index)
    lists.cp.seed, lists.cp.niter = seed, 10
    index.train(training)
    del training
    rows = []
    for numbers, vectors in stream.parts():
        rows.append(numbers)
        index.add(vectors)
    return index, lists, np.concatenate(rows)


def _drawn(rng: np.random.Generator, n: int, count: int) -> np.ndarray:
    """(n,) bool: `count` of n at random, or all if there are fewer."""
    drawn = np.zeros(n, bool)
    drawn[rng.choice(n, min(count, n), replace=False)] = True
    return drawn


def _search(
    index: Any, order: np.ndarray, numbers: np.ndarray, vectors: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Nearest other sample of each query: its number (n,), -1 if none, and the cosine (n,)."""
    _, places = index.search(vectors, 2)  # (n, 2): the query itself is usually one of them
    found = np.where(places >= 0, order[places], -1)
    second = (found[:, 0] == numbers) | (found[:, 0] < 0)
    place = np.where(second, places[:, 1], places[:, 0])
    neighbour = np.where(second, found[:, 1], found[:, 0])
    similarity = np.full(len(numbers), -np.inf, np.float32)
    hit = neighbour >= 0
    whole = index.refine_index  # the full vectors
    similarity[hit] = cosines(vectors[hit], whole.reconstruct_batch(place[hit]))
    return neighbour, similarity
