"""Time, memory and recall of the neighbour search over synthetic embeddings.

    python tests/benchmarks/bench_nearest.py ROWS [WIDTH] [exact | approximate]

Vectors are made shard by shard and streamed, as they are from the store. An update with 1 % new
rows follows.
"""

import resource
import sys
import time
from collections.abc import Iterator

import numpy as np

from tshirt_assets.selection.nearest import Neighbours, nearest

SHARD = 10_000


def corpus(n: int, width: int, n_topics: int):
    """Texts in topics, topics in 1,000 areas; spectrum as that of MiniLM on Alpaca."""
    scale = np.arange(1, width + 1, dtype=np.float32) ** -0.5

    def directions(rng: np.random.Generator, rows: int) -> np.ndarray:
        vectors = rng.normal(size=(rows, width)).astype(np.float32) * scale
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    rng = np.random.default_rng(0)
    areas, topics = directions(rng, 1000), directions(rng, n_topics)
    area_of = rng.integers(len(areas), size=len(topics))

    def blocks() -> Iterator[tuple[list[str], np.ndarray]]:
        for start in range(0, n, SHARD):
            rng = np.random.default_rng((1, start))
            topic = rng.integers(len(topics), size=SHARD)
            vectors = 0.5 * areas[area_of[topic]] + 0.7 * topics[topic]
            vectors += 0.5 * directions(rng, SHARD)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            ids = [rng.bytes(16).hex() for _ in range(SHARD)]
            yield ids[: n - start], vectors[: n - start]

    return blocks


def run(n: int, width: int, method: str) -> None:
    start = peak()
    exact_up_to = n + n // 100 if method == "exact" else n // 4
    n_topics = 1 + n // 20
    blocks, more = (corpus(rows, width, n_topics) for rows in (n, n + n // 100))
    found = timed(start, f"{method}, {n:,} x {width}", blocks, exact_up_to=exact_up_to)
    timed(start, "1 % more rows", more, previous=found.frame, exact_up_to=exact_up_to)


def timed(start: float, name: str, blocks, **options) -> Neighbours:
    began, cpu = time.perf_counter(), time.process_time()
    found = nearest(blocks, **options)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    print(
        f"{name}: {seconds:.1f} s, {cpu_seconds:.1f} CPU s, peak +{peak() - start:.0f} MiB, "
        f"{found.method}, recall {found.recall}, {found.searched:,} rows compared with all",
        flush=True,
    )
    return found


def peak() -> float:
    """Largest resident memory of this process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    arguments = [*sys.argv[1:], *("384", "approximate")[len(sys.argv) - 2 :]]
    run(int(arguments[0]), int(arguments[1]), arguments[2])
