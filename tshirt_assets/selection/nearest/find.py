"""The nearest other sample of every sample by embedding: MIWV's one-shot demos.

The search is exact: the neighbour is the sample of highest cosine, computed per pair in float64 and
rounded to float32, ties to the smaller sample_id. A float32 matrix product only narrows the
candidates down to those within its error bound, so the result does not depend on tiles, order,
threads or device, and an update gives bit for bit what a search from scratch would.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from tshirt_assets.selection.nearest.approximate import MIN_SAMPLES, approximate
from tshirt_assets.selection.nearest.state import Blocks, Search, count_ids, each_tenth

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
    progress: Callable[[float], None] | None = None,
) -> Neighbours:
    """Find or update every sample's nearest neighbour.

    An id that comes more than once in `blocks` counts once; with `exclude_duplicates=False` it is
    its own neighbour with similarity 1. `previous` is an earlier `frame` over the same embedding
    model: then only new samples and those whose neighbour has vanished are compared with all, the
    others with these alone, with the same result. The search is exact while it needs at most
    `exact_up_to` ** 2 comparisons, and else approximate by faiss (extra `faiss`). `memory` bounds
    the bytes of vectors held at once. `progress` hears of each tenth of the work, as a share.

    ValueError if a vector is not finite or not normalised; ImportError if faiss is missing.
    """
    index, copies = count_ids(blocks)
    search = Search(blocks, index, memory)
    progress = None if progress is None else each_tenth(progress)
    own = np.zeros(len(index), bool) if exclude_duplicates else copies > 1
    active = np.ones(len(index), bool)
    if previous is not None:
        active = search.resume(previous, own)
    method: Literal["exact", "approximate", "updated"] = "exact" if previous is None else "updated"
    recall = None
    if int(active.sum()) * len(index) <= max(exact_up_to, MIN_SAMPLES) ** 2:
        search.compare(active, progress)
    else:
        method, active[:] = "approximate", True
        recall = approximate(search, seed=seed, progress=progress)
    search.best[own], search.similarity[own] = np.flatnonzero(own), 1.0
    frame = search.frame()
    return Neighbours(
        frame=frame,
        searched=int(active.sum()),
        changed=_changed(frame, previous),
        method=method,
        recall=recall,
    )


def _changed(frame: pl.DataFrame, previous: pl.DataFrame | None) -> int:
    """Samples whose neighbour is not the one recorded before."""
    if previous is None:
        return frame.height
    before = previous.select("sample_id", before="neighbour_id")
    joined = frame.join(before, on="sample_id", how="left")
    return joined.filter(~pl.col("neighbour_id").eq_missing(pl.col("before"))).height
