"""Neighbours against a float64 double loop; updates against a search from scratch."""

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.selection.frames import unit_vectors
from tshirt_assets.selection.nearest import find, nearest
from tshirt_assets.selection.nearest.backend import Backend
from tshirt_assets.selection.nearest.half import HalfBackend

POOL = unit_vectors(40, width=5, seed=1)
POOL[20:30] = POOL[:10]  # other samples with the very same vector
POOL[30:] = POOL[10:20] * (1 + 1e-7)  # and with nearly the same
IDS = [f"{(i * 7919) % 40:04x}" for i in range(40)]


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    """Tiles of 4 rows, so that few samples span many tiles."""
    monkeypatch.setattr(find, "backend_on", lambda device: Backend(np, 4))


def blocks_of(members: list[int], size: int = 3):
    def blocks():
        for start in range(0, len(members), size):
            part = members[start : start + size]
            yield [IDS[i] for i in part], POOL[part]

    return blocks


def double_loop(members: list[int], exclude_duplicates: bool = True) -> pl.DataFrame:
    rows = []
    for i in sorted(set(members), key=lambda i: IDS[i]):
        if not exclude_duplicates and members.count(i) > 1:
            rows.append((IDS[i], IDS[i], 1.0))
            continue
        found = [
            (-np.float32(np.sum(POOL[i].astype(np.float64) * POOL[j].astype(np.float64))), IDS[j])
            for j in set(members)
            if j != i
        ]
        similarity, neighbour = min(found) if found else (None, None)
        rows.append((IDS[i], neighbour, None if similarity is None else -similarity))
    schema = {"sample_id": pl.String, "neighbour_id": pl.String, "similarity": pl.Float32}
    return pl.DataFrame(rows, schema=schema, orient="row")


corpora = st.lists(st.integers(0, 39), max_size=30)


@given(corpora, st.integers(1, 9), st.sampled_from([1, 100, 1 << 30]), st.booleans())
@settings(max_examples=60, deadline=None)
def test_equals_a_double_loop(members, size, memory, exclude):
    found = nearest(blocks_of(members, size), exclude_duplicates=exclude, memory=memory)
    assert_frame_equal(found.frame, double_loop(members, exclude), check_exact=True)
    assert found.searched == found.changed == len(set(members))
    assert (found.method, found.recall) == ("exact", None)


@given(st.lists(corpora, min_size=2, max_size=5), st.booleans(), st.sampled_from([60, 1 << 30]))
@settings(max_examples=60, deadline=None)
def test_updates_equal_a_search_from_scratch(generations, exclude, memory):
    """Each generation inserts, deletes and duplicates samples at random."""
    previous = None
    for members in generations:
        found = nearest(
            blocks_of(members), previous=previous, exclude_duplicates=exclude, memory=memory
        )
        assert_frame_equal(found.frame, double_loop(members, exclude), check_exact=True)
        if previous is not None:
            before = dict(previous.select("sample_id", "neighbour_id").iter_rows())
            after = dict(found.frame.select("sample_id", "neighbour_id").iter_rows())
            assert found.changed == sum(before.get(i) != n for i, n in after.items())
        previous = found.frame


def test_one_new_sample_is_compared_with_all_and_nothing_else_is():
    first = nearest(blocks_of(list(range(20))))
    second = nearest(blocks_of(list(range(21))), previous=first.frame)
    assert second.searched == 1
    assert second.method == "updated"
    again = nearest(blocks_of(list(range(21))), previous=second.frame)
    assert (again.searched, again.changed) == (0, 0)


def test_who_lost_its_neighbour_is_searched_again():
    first = nearest(blocks_of(list(range(20))))
    gone = IDS[3]
    losers = first.frame.filter(
        (pl.col("neighbour_id") == gone) & (pl.col("sample_id") != gone)
    ).height
    left = [i for i in range(20) if i != 3]
    second = nearest(blocks_of(left), previous=first.frame)
    assert second.searched == second.changed == losers
    assert_frame_equal(second.frame, double_loop(left), check_exact=True)


def test_torch_gives_the_same_bits(monkeypatch):
    """The code path of a GPU, on torch's CPU device."""
    members = [*range(40), 3, 5]
    expected = nearest(blocks_of(members)).frame
    monkeypatch.setattr(find, "backend_on", lambda device: Backend(torch, 8, torch.device("cpu")))
    torch.set_float32_matmul_precision("high")
    try:
        assert_frame_equal(nearest(blocks_of(members)).frame, expected, check_exact=True)
        assert torch.get_float32_matmul_precision() == "high"
    finally:
        torch.set_float32_matmul_precision("highest")


@pytest.mark.parametrize(
    "backend",
    [Backend(np, 256), Backend(torch, 256, torch.device("cpu")), HalfBackend(np, 256)],
)
def test_real_sizes_of_vectors_and_tiles(backend, monkeypatch):
    monkeypatch.setattr(find, "backend_on", lambda device: backend)
    vectors = unit_vectors(1200, width=384)
    ids = np.array([f"{i:032x}" for i in range(1200)])
    exact = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    np.fill_diagonal(exact, -2)
    found = nearest(lambda: iter([(ids[:700], vectors[:700]), (ids[700:], vectors[700:])])).frame
    assert found["neighbour_id"].to_list() == ids[exact.argmax(axis=1)].tolist()
    np.testing.assert_array_equal(found["similarity"], exact.max(axis=1).astype(np.float32))


@pytest.mark.parametrize("memory", [5 * 4 * 10, 1 << 30])
def test_progress_comes_in_tenths_and_ends_at_one(memory):
    heard: list[float] = []
    first = nearest(blocks_of(list(range(30))), memory=memory, progress=heard.append)
    assert heard == sorted(heard)
    assert 3 <= len(heard) <= 10
    assert heard[-1] == pytest.approx(1)
    heard.clear()
    nearest(blocks_of(list(range(36))), previous=first.frame, memory=memory, progress=heard.append)
    assert heard[-1] == pytest.approx(1)


@pytest.mark.parametrize("bad", [np.nan, 2.0, 0.0])
def test_vectors_that_are_not_unit_vectors_raise(bad):
    with pytest.raises(ValueError, match="sample aa"):
        nearest(lambda: iter([(["aa", "bb"], np.float32([[bad, 0], [1, 0]]))]))


def test_few_samples():
    assert nearest(lambda: iter([])).frame.is_empty()
    assert nearest(lambda: iter([([], np.empty((0, 3)))])).frame.is_empty()
    lone = nearest(blocks_of([4]))
    assert lone.frame.rows() == [(IDS[4], None, None)]
    pair = nearest(blocks_of([4, 5]), previous=lone.frame)
    assert pair.frame["neighbour_id"].to_list() == sorted([IDS[4], IDS[5]], reverse=True)
