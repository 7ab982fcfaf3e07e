"""The garbage collector while an asset is made, and after."""

import gc
import weakref

import pytest

from tshirt_assets.incremental.garbage import NEW_OBJECTS, spared_collector


class Circle:
    def __init__(self) -> None:
        self.own = self


def test_what_was_there_before_is_left_alone_until_after() -> None:
    thresholds = gc.get_threshold()
    circle = Circle()
    before = weakref.ref(circle)
    with spared_collector():
        assert gc.get_threshold() == (NEW_OBJECTS, *thresholds[1:])
        inside = weakref.ref(Circle())
        del circle
        gc.collect()
        assert (inside() is None, before() is None) == (True, False)
    gc.collect()
    assert before() is None
    assert (gc.get_threshold(), gc.get_freeze_count()) == (thresholds, 0)


def test_a_failure_inside_leaves_it_as_it_was() -> None:
    thresholds = gc.get_threshold()
    with pytest.raises(ValueError, match="no"), spared_collector():
        raise ValueError("no")
    assert (gc.get_threshold(), gc.get_freeze_count()) == (thresholds, 0)
