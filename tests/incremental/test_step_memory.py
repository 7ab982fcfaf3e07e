"""Memory while an asset is made, and after."""

import ctypes
import gc
import resource
import weakref
from pathlib import Path

import pytest

from tshirt_assets.incremental.step_memory import NEW_OBJECTS, give_back, tidy_memory


class Circle:
    def __init__(self) -> None:
        self.own = self


def test_what_was_there_before_is_left_alone_until_after() -> None:
    thresholds = gc.get_threshold()
    circle = Circle()
    before = weakref.ref(circle)
    with tidy_memory():
        assert gc.get_threshold() == (NEW_OBJECTS, *thresholds[1:])
        inside = weakref.ref(Circle())
        del circle
        gc.collect()
        assert (inside() is None, before() is None) == (True, False)
        left = weakref.ref(Circle())
    assert left() is None
    gc.collect()
    assert before() is None
    assert (gc.get_threshold(), gc.get_freeze_count()) == (thresholds, 0)


def test_a_failure_inside_leaves_it_as_it_was() -> None:
    thresholds = gc.get_threshold()
    with pytest.raises(ValueError, match="no"), tidy_memory():
        raise ValueError("no")
    assert (gc.get_threshold(), gc.get_freeze_count()) == (thresholds, 0)


def resident() -> int:
    """MiB that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() >> 20


@pytest.mark.skipif(
    not (Path("/proc/self/statm").is_file() and hasattr(ctypes.CDLL(None), "malloc_trim")),
    reason="the C library is not glibc",
)
def test_what_is_freed_is_given_back_although_something_above_it_is_in_use() -> None:
    give_back()
    pieces = [b"\1" * 100_000 for _ in range(4_000)]  # too small for pages of their own
    last, held = pieces[-1], resident()
    del pieces
    assert held - resident() < 100
    give_back()
    assert held - resident() > 300
    assert last[0] == 1
