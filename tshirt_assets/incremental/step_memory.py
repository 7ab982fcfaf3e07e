"""Memory while an asset is made, and given back after.

A process that has imported torch and Dagster holds hundreds of thousands of objects that stay. Work
on rows makes many more, few of them in circles, and with each tenth of them Python looks at all of
them again.

What is freed is not yet the system's: allocators keep it for the next request. Many threads of
Lance and polars ask in turn, and at a million rows gigabytes lay idle from one step to the next.
"""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import pyarrow as pa

NEW_OBJECTS: Final = 50_000  # before new ones are looked through; Python's own number is 700


@contextmanager
def tidy_memory() -> Iterator[None]:
    """Inside, only objects that are made inside are looked through, and more rarely.

    Behind it what they took is the system's again.
    """
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, *thresholds[1:])
    try:
        yield
    finally:
        gc.collect()  # while what was there before is still left alone
        gc.set_threshold(*thresholds)
        gc.unfreeze()
        give_back()


def give_back() -> None:
    """Give freed memory back to the system, where the C library is one that can (glibc)."""
    pa.default_memory_pool().release_unused()
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
