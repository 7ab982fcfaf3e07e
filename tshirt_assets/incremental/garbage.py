"""Sparing the garbage collector what it would look through in vain.

A process that has imported torch and Dagster holds hundreds of thousands of objects that stay. Work
on rows makes many more, few of them in circles, and with each tenth of them Python looks at all of
them again.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

NEW_OBJECTS: Final = 50_000  # before new ones are looked through; Python's own number is 700


@contextmanager
def spared_collector() -> Iterator[None]:
    """Inside, only objects that are made inside are looked through, and more rarely."""
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
