"""Greedy spread against brute force: the guarantees the papers prove."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.selection.frames import unit_vectors
from tshirt_assets.selection import diversity
from tshirt_assets.selection.diversity import facility_location, groups, k_center, spread

tiny = st.integers(2, 8)


def coverage(similarity: np.ndarray, chosen: list[int] | tuple[int, ...]) -> float:
    return float(np.maximum(similarity[:, list(chosen)].max(axis=1), 0).sum())


def radius(similarity: np.ndarray, chosen: list[int] | tuple[int, ...]) -> float:
    """Largest angle to the nearest center: a metric, unlike 1 - cosine."""
    nearest = np.clip(similarity[:, list(chosen)].max(axis=1), -1, 1)
    return float(np.arccos(nearest).max())


def plain_greedy(similarity: np.ndarray, budget: int) -> list[int]:
    chosen: list[int] = []
    for _ in range(budget):
        rest = [i for i in range(len(similarity)) if i not in chosen]
        chosen.append(max(rest, key=lambda i: coverage(similarity, [*chosen, i])))
    return chosen


@given(tiny, st.integers(1, 8), st.integers(0, 500))
@settings(max_examples=50, deadline=None)
def test_facility_location_keeps_its_bound(n, budget, seed):
    budget = min(n, budget)
    vectors = unit_vectors(n, width=3, seed=seed).astype(np.float64)
    similarity = vectors @ vectors.T
    found = facility_location(similarity, budget)
    assert len(set(found)) == budget
    value = coverage(similarity, found)
    best = max(coverage(similarity, chosen) for chosen in combinations(range(n), budget))
    assert value >= (1 - 1 / math.e) * best - 1e-6
    assert value == pytest.approx(coverage(similarity, plain_greedy(similarity, budget)), abs=1e-5)


@given(tiny, st.integers(1, 8), st.integers(0, 500))
@settings(max_examples=50, deadline=None)
def test_k_center_is_within_twice_the_best_radius(n, budget, seed):
    budget = min(n, budget)
    vectors = unit_vectors(n, width=3, seed=seed).astype(np.float64)
    similarity = vectors @ vectors.T
    found = k_center(similarity, budget)
    assert found[0] == 0
    assert len(set(found)) == budget
    best = min(radius(similarity, chosen) for chosen in combinations(range(n), budget))
    assert radius(similarity, found) <= 2 * best + 1e-6


@pytest.mark.parametrize("method", ["k_center", "facility_location"])
def test_one_of_each_cluster(method):
    rng = np.random.default_rng(0)
    vectors = np.repeat(np.eye(5), 6, axis=0) + rng.normal(0, 0.02, (30, 5))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    chosen = spread(vectors, 5, method)
    assert sorted(i // 6 for i in chosen) == [0, 1, 2, 3, 4]
    assert sorted(spread(vectors, 99, method)) == list(range(30))
    assert spread(vectors, 0, method) == []


def test_ties_go_to_the_better_ranked_row():
    same = np.ones((4, 4), np.float32)
    assert facility_location(same, 3) == [0, 1, 2]
    assert k_center(same, 3) == [0, 1, 2]


@pytest.mark.parametrize("budget", [0, 1, 7, 10])
def test_groups_deal_every_candidate_once_and_the_whole_budget(monkeypatch, budget):
    monkeypatch.setattr(diversity, "MAX_GROUP", 4)
    dealt = groups(10, budget)
    assert [members.tolist() for members, _ in dealt] == [[0, 3, 6, 9], [1, 4, 7], [2, 5, 8]]
    assert sum(part for _, part in dealt) == budget
    assert all(part <= len(members) for members, part in dealt)
