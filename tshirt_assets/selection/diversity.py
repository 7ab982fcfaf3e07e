"""Spread a selection over the embedding space: k-center or facility location, greedily.

Written here because no maintained library does it (the last release of apricot-select is from
2021, and it pulls in numba); with a group's similarities in memory each method is a few lines.
"""

import heapq
from typing import Literal

import numpy as np

MAX_GROUP = 8192
"""Candidates compared with each other at once: 256 MiB of similarities."""


def k_center(similarity: np.ndarray, budget: int) -> list[int]:
    """Farthest-first traversal (Gonzalez 1985) from row 0; a 2-approximation of k-center.

    similarity: (n, n) cosines. Returns min(budget, n) row indices in the order chosen; ties go to
    the smaller index.
    """
    n = len(similarity)
    chosen = [0] if min(budget, n) else []
    closest = similarity[0].copy() if chosen else np.empty(0)  # (n,), to the nearest center
    while len(chosen) < min(budget, n):
        closest[chosen[-1]] = np.inf
        farthest = int(np.argmin(closest))
        chosen.append(farthest)
        np.maximum(closest, similarity[farthest], out=closest)
    return chosen


def facility_location(similarity: np.ndarray, budget: int) -> list[int]:
    """Lazy greedy for max over S of sum_i max(0, max_{j in S} cos_ij), within 1 - 1/e of the best.

    Nemhauser et al. 1978; lazy evaluation after Minoux 1978: a gain can only fall, so a stale gain
    is an upper bound. similarity: (n, n) cosines. Returns min(budget, n) row indices in the order
    chosen; ties go to the smaller index.
    """
    n = len(similarity)
    covered = np.zeros(n, np.float32)  # (n,), best similarity to a chosen row

    def gain(index: int) -> float:
        return float(np.maximum(similarity[index] - covered, 0.0).sum(dtype=np.float64))

    heap = [(-gain(index), index) for index in range(n)]
    heapq.heapify(heap)
    chosen: list[int] = []
    while len(chosen) < min(budget, n):
        _, index = heapq.heappop(heap)
        fresh = (-gain(index), index)
        if heap and fresh > heap[0]:
            heapq.heappush(heap, fresh)
            continue
        chosen.append(index)
        np.maximum(covered, similarity[index], out=covered)
    return chosen


def spread(
    vectors: np.ndarray, budget: int, method: Literal["k_center", "facility_location"]
) -> list[int]:
    """Choose `budget` of at most MAX_GROUP candidates, best ranked first in `vectors` (n, C)."""
    greedy = {"k_center": k_center, "facility_location": facility_location}[method]
    return greedy(vectors @ vectors.T, budget)


def groups(n: int, budget: int) -> list[tuple[np.ndarray, int]]:
    """Deal n ranked candidates into groups of at most MAX_GROUP, each with its part of the budget.

    Dealt like cards, so that every group has the same mix of ranks; greedy within such groups
    keeps time linear in n. Returns (indices, rows to choose) per group.
    """
    count = max(1, -(-n // MAX_GROUP))
    return [(np.arange(g, n, count), len(range(g, budget, count))) for g in range(count)]
