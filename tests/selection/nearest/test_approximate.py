"""Approximate neighbours: recall is measured, not assumed."""

import builtins

import numpy as np
import pytest

from tests.selection.frames import unit_vectors
from tshirt_assets.selection.nearest import nearest


def corpus(n: int):
    vectors = unit_vectors(n, width=16, seed=4)
    ids = [f"{i:032x}" for i in range(n)]
    return lambda: ((ids[i : i + 500], vectors[i : i + 500]) for i in range(0, n, 500))


def test_recall_is_what_a_full_exact_search_confirms():
    pytest.importorskip("faiss")
    blocks = corpus(3000)
    exact = nearest(blocks).frame
    found = nearest(blocks, exact_up_to=100, seed=1)
    assert found.method == "approximate"
    assert found.searched == 3000
    true_recall = (found.frame["similarity"] == exact["similarity"]).mean()
    assert found.recall >= 0.95
    assert found.recall == pytest.approx(true_recall, abs=0.03)
    assert (found.frame["similarity"] <= exact["similarity"]).all()
    assert (found.frame["sample_id"] != found.frame["neighbour_id"]).all()
    again = nearest(blocks, exact_up_to=100, seed=1)
    assert again.frame.equals(found.frame)


def test_wide_vectors_are_found_by_fewer_dimensions_and_compared_in_full():
    pytest.importorskip("faiss")
    draw = np.random.default_rng(3)
    spectrum = np.arange(1, 385) ** -0.5
    vectors = (draw.normal(size=(100, 384)) * spectrum)[draw.integers(100, size=4000)]
    vectors += 0.7 * draw.normal(size=vectors.shape) * spectrum
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    ids = [f"{i:032x}" for i in range(len(vectors))]
    blocks = lambda: iter([(ids, vectors)])  # noqa: E731
    exact, found = nearest(blocks), nearest(blocks, exact_up_to=100)
    same = found.frame["neighbour_id"] == exact.frame["neighbour_id"]
    assert found.method == "approximate"
    assert same.mean() >= 0.9
    assert found.frame.filter(same).equals(exact.frame.filter(same))  # cosines to the last bit


def test_of_equally_near_samples_the_smaller_id_is_taken():
    pytest.importorskip("faiss")
    vectors = np.repeat(unit_vectors(40, width=8), 3, axis=0)
    ids = [f"{i:04x}" for i in range(120)]
    found = nearest(lambda: iter([(ids, vectors)]), exact_up_to=10).frame
    first = [3 * (i // 3) + (i % 3 == 0) for i in range(120)]
    assert found["neighbour_id"].to_list() == [ids[i] for i in first]


def test_a_small_addition_to_a_large_corpus_stays_exact():
    pytest.importorskip("faiss")
    first = nearest(corpus(1000), exact_up_to=300)
    # 20 * 1020 comparisons are fewer than the 300 ** 2 that the option allows.
    second = nearest(corpus(1020), previous=first.frame, exact_up_to=300)
    assert (first.method, second.method) == ("approximate", "updated")
    exact = nearest(corpus(1020)).frame
    assert second.searched == 20
    assert second.frame[-20:].equals(exact[-20:])


def test_a_handful_of_samples():
    pytest.importorskip("faiss")
    assert nearest(corpus(1), exact_up_to=0).frame["neighbour_id"].to_list() == [None]
    few = nearest(corpus(5), exact_up_to=0)
    assert few.frame.equals(nearest(corpus(5)).frame)
    assert few.method == "exact"
    assert nearest(corpus(20), exact_up_to=0).method == "approximate"


def test_identical_vectors_find_each_other():
    pytest.importorskip("faiss")
    vectors = np.repeat(unit_vectors(100, width=8), 3, axis=0)
    ids = [f"{i:04x}" for i in range(300)]
    found = nearest(lambda: iter([(ids, vectors)]), exact_up_to=10).frame
    assert found["similarity"].min() == pytest.approx(1.0, abs=1e-6)


def test_without_faiss_the_error_names_the_extra(monkeypatch):
    real_import = builtins.__import__

    def no_faiss(name, *args, **kwargs):
        if name == "faiss":
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_faiss)
    with pytest.raises(ImportError, match=r"tshirt-assets\[faiss\]"):
        nearest(corpus(500), exact_up_to=10)
