"""Time and memory of contenders and every recipe's selection over synthetic scores.

    python tests/benchmarks/bench_selection.py [ROWS ...]

Each size runs in a process of its own. Memory is the peak above the imported libraries, the tables
themselves included.
"""

import multiprocessing
import resource
import sys
import time
from collections.abc import Iterator

import numpy as np
import polars as pl

from tshirt_assets.config import DiversityOptions, Recipe, RobustnessOptions
from tshirt_assets.selection.contenders import contenders
from tshirt_assets.selection.recipes import select
from tshirt_assets.selection.score_tables import ScoreTables
from tshirt_assets.selection.threshold import threshold

RECIPES = {
    "tshirt-5pct": Recipe(method="tshirt", budget=0.05),
    "tshirt-quota": Recipe(method="tshirt", budget=0.05, quotas={"code": 0.2, "maths": 0.1}),
    "miwv-5pct": Recipe(method="miwv", budget=0.05),
    "ifd-5pct": Recipe(method="ifd", budget=0.05),
    "longest-5pct": Recipe(method="longest", budget=0.05),
    "random-5pct": Recipe(method="random", budget=0.05),
    "fusion-5pct": Recipe(method="fusion", budget=0.05, fuse=("tshirt-5pct", "miwv-5pct")),
    "spread-2pct": Recipe(
        method="ifd", budget=0.02, dedupe_similarity=0.95, diversity=DiversityOptions()
    ),
}
WIDTH = 64
SHARD = 20_000


def vectors(ids: list[str]) -> np.ndarray:
    """Made from the ids, so that no matrix of all rows exists."""
    out = np.stack([np.random.default_rng(int(i[:12], 16)).normal(size=WIDTH) for i in ids])
    return (out / np.linalg.norm(out, axis=1, keepdims=True)).astype(np.float32)


def synthetic_rows(n: int) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    ids = np.frombuffer(rng.bytes(16 * n), dtype="S16")
    ifd = rng.beta(8, 3, n) * 1.15
    return pl.DataFrame(
        {
            "sample_id": [i.ljust(16, b"\0").hex() for i in ids.tolist()],
            "shard": [f"part-{i // SHARD:04d}" for i in range(n)],
            "row": np.arange(n) % SHARD,
            "status": rng.choice(["ok", "response_too_short"], n, p=[0.98, 0.02]),
            "ifd": ifd,
            "s_ifd": ifd - rng.uniform(0, 0.2, n),
            "n_response_tokens": rng.integers(2, 900, n),
            "domain": rng.choice(["code", "maths", "prose"], n, p=[0.05, 0.05, 0.9]),
        }
    )


def run(n: int) -> None:
    """Print one line per step."""
    start = peak()

    def step(name: str, began: float, note: str = "") -> None:
        seconds = time.process_time() - began
        print(f"{n:>9,}  {name:<14} {seconds:7.2f} CPU s  peak +{peak() - start:5.0f} MiB  {note}")

    total = began = time.process_time()
    rows = synthetic_rows(n)
    step("(make rows)", began)

    def deltas() -> Iterator[np.ndarray]:
        for shard in range(n // SHARD):
            yield np.random.default_rng(shard).laplace(0, 0.5, SHARD * 100).astype(np.float32)

    began = time.process_time()
    tau = threshold(deltas, 0.75)
    step("threshold", began, f"tau {tau:.4f} of {n * 100:,} deltas, made twice")
    began = time.process_time()
    near = contenders(rows, RECIPES.values(), margin=RobustnessOptions().margin)
    step("contenders", began, f"{near.height:,} rows")
    rng = np.random.default_rng(1)
    robust = near.select(
        "sample_id",
        "status",
        s_ifd_mean=pl.col("s_ifd") + pl.Series(rng.normal(0, 0.005, near.height)),
        s_ifd_std=pl.Series(rng.gamma(4, 0.005, near.height)),
        ifd_mean="ifd",
    )
    miwv = rows.select("sample_id", "status", miwv=pl.Series(rng.normal(size=n)))
    tables = ScoreTables(rows.drop("s_ifd"), robust, None, {"miwv_scores": miwv})
    for name, recipe in RECIPES.items():
        began = time.process_time()
        selection = select(recipe, name, tables, seed=42, recipes=RECIPES, vectors=vectors)
        step(name, began, f"{selection.frame.height:,} rows")
    step("total", total)


def peak() -> float:
    """Largest resident memory of this process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    for size in [int(text) for text in sys.argv[1:]] or [250_000, 500_000, 1_000_000]:
        process = multiprocessing.get_context("spawn").Process(target=run, args=(size,))
        process.start()
        process.join()
