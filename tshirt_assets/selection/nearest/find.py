"""The nearest other sample of every sample by embedding: MIWV's one-shot demos.

The search is exact: the neighbour is the sample of highest cosine, computed per pair in float64 and
rounded to float32, ties to the smaller sample_id. A matrix product in float32 or bfloat16 only
narrows the candidates down to those within its error bound, so the result does not depend on tiles,
order, threads, device or processor, and an update gives bit for bit what a search from scratch
would.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from tshirt_assets.selection.nearest.approximate import MIN_SAMPLES, approximate
from tshirt_assets.selection.nearest.backend import backend_on
from tshirt_assets.selection.nearest.best import Best
from tshirt_assets.selection.nearest.exact import compare_all
from tshirt_assets.selection.nearest.half import faster
from tshirt_assets.selection.nearest.streaming import Blocks, Stream

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest neighbour of every sample.

    frame: sample_id, neighbour_id, similarity (float32 cosine; both null for a lone sample), one
    line per sample_id, sorted. searched: samples compared with all others; the others kept their
    earlier neighbour unless a new one is nearer. changed: samples whose neighbour is not the
    previous one (all, from scratch). method: exact; approximate; or updated, which is as exact as
    the previous neighbours were. recall: of an approximate search, the share of a random sample of
    rows that got a neighbour as near as the exact one.
    """

    frame: pl.DataFrame
    searched: int
    changed: int
    method: Literal["exact", "approximate", "updated"]
    recall: float | None = None


def nearest(
    blocks: Blocks,
    *,
    previous: pl.DataFrame | None = None,
    exclude_duplicates: bool = True,
    exact_up_to: int = 200_000,
    seed: int = 0,
    memory: int = GIB,
    device: str = "auto",
    progress: Callable[[float], None] | None = None,
) -> Neighbours:
    """Find or update every sample's nearest neighbour.

    An id that comes more than once in `blocks` counts once; with `exclude_duplicates=False` it is
    its own neighbour with similarity 1. `previous` is an earlier `frame` over the same embedding
    model: then only new samples and those whose neighbour has vanished are compared with all, the
    others with these alone, with the same result. The search is exact while it needs at most
    `exact_up_to` ** 2 comparisons, and else approximate by faiss (extra `faiss`). `memory` bounds
    the bytes of vectors held at once. `device` computes the products: `auto`, `cpu` or one of
    CUDA's names. `progress` hears of each tenth of the work, as a share.

    ValueError if a vector is not finite or not normalised, or the device not there;
    ImportError if faiss is missing.
    """
    backend = backend_on(device)
    stream = Stream(blocks, min(memory, backend.memory or memory))
    best = Best(len(stream))
    progress = None if progress is None else _each_tenth(progress)
    own = np.zeros(len(stream), bool) if exclude_duplicates else stream.copies > 1
    if previous is not None:
        _take_over(best, stream, previous, own)
    active = best.neighbour < 0
    comparisons = int(active.sum()) * len(stream)
    backend = faster(backend, comparisons)
    method: Literal["exact", "approximate", "updated"] = "exact" if previous is None else "updated"
    recall = None
    if comparisons <= max(exact_up_to, MIN_SAMPLES) ** 2:
        compare_all(stream, best, active, backend, progress)
    else:
        method, active[:] = "approximate", True
        recall = approximate(stream, best, backend, seed=seed, progress=progress)
    best.neighbour[own], best.similarity[own] = np.flatnonzero(own), 1.0
    frame = _frame(best, stream)
    return Neighbours(
        frame=frame,
        searched=int(active.sum()),
        changed=_changed(frame, previous),
        method=method,
        recall=recall,
    )


def _take_over(best: Best, stream: Stream, previous: pl.DataFrame, own: np.ndarray) -> None:
    """Start from the previous neighbours that still exist.

    own: (N,) bool, the samples that may be their own neighbours.
    """
    known = previous.select("sample_id", "neighbour_id", "similarity").drop_nulls()
    row = stream.numbers(known["sample_id"].to_numpy())
    neighbour = stream.numbers(known["neighbour_id"].to_numpy())
    here = (row >= 0) & (neighbour >= 0)
    row, neighbour = row[here], neighbour[here]
    similarity = known["similarity"].to_numpy()[here]
    valid = (row != neighbour) | own[row]
    best.neighbour[row[valid]] = neighbour[valid]
    best.similarity[row[valid]] = similarity[valid]


def _frame(best: Best, stream: Stream) -> pl.DataFrame:
    """The neighbours as the table that `Neighbours.frame` describes."""
    found = pl.Series(best.neighbour >= 0)
    ids = pl.Series("sample_id", stream.ids.astype(str), dtype=pl.String)
    return pl.DataFrame(
        {
            "sample_id": ids,
            "neighbour_id": ids.gather(np.maximum(best.neighbour, 0)) if len(ids) else ids,
            "similarity": pl.Series(best.similarity, dtype=pl.Float32),
        }
    ).with_columns(pl.when(found).then(pl.col("neighbour_id", "similarity")))


def _each_tenth(progress: Callable[[float], None]) -> Callable[[float], None]:
    """Pass on a share of work done only when another tenth of it is."""
    tenths = 0

    def listen(share: float) -> None:
        nonlocal tenths
        if int(share * 10 + 1e-6) > tenths:
            tenths = int(share * 10 + 1e-6)
            progress(share)

    return listen


def _changed(frame: pl.DataFrame, previous: pl.DataFrame | None) -> int:
    """Samples whose neighbour is not the one recorded before."""
    if previous is None:
        return frame.height
    before = previous.select("sample_id", before="neighbour_id")
    joined = frame.join(before, on="sample_id", how="left")
    return joined.filter(~pl.col("neighbour_id").eq_missing(pl.col("before"))).height
