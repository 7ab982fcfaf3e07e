"""Ids come back as they were kept, whatever the text, and take no more room than there is."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tshirt_assets.scoring import kept_ids
from tshirt_assets.scoring.kept_ids import KeptIds

IDS = st.lists(st.integers(0, (1 << 31) - 1) | st.integers(0, 60_000), max_size=8)
TEXTS = st.text(st.characters(codec=None), max_size=6)  # halves of surrogate pairs, too


@given(st.dictionaries(TEXTS, IDS, max_size=8), TEXTS)
def test_ids_come_back_as_they_were_kept(known: dict[str, list[int]], other: str) -> None:
    kept = KeptIds()
    for text, ids in known.items():
        kept.keep(text, np.array(ids, np.int32))
    for text, ids in known.items():
        found = kept.get(text)
        assert found is not None
        assert (found.dtype, found.tolist()) == (np.int32, ids)
    assert (kept.get(other) is None) == (other not in known)


@pytest.mark.parametrize("ids", [[], [65_535], [65_536], [0, 1, 2**31 - 1]])
def test_ids_of_two_bytes_and_of_four(ids: list[int]) -> None:
    kept = KeptIds()
    kept.keep("a", np.array(ids, np.int32))
    found = kept.get("a")
    assert found is not None
    assert found.tolist() == ids


def test_what_is_counted_is_about_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_ids, "KEPT_BYTES", 4 << 20)
    kept = KeptIds()
    draw = np.random.default_rng(0)
    tracemalloc.start()
    try:
        for number in range(20_000):
            kept.keep(f"text {number}", draw.integers(0, 49_152, 60, np.int32))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 0.7 * kept_ids.KEPT_BYTES < taken < 1.1 * kept_ids.KEPT_BYTES
    assert kept.get("text 0") is not None
    assert kept.get("text 19999") is None
