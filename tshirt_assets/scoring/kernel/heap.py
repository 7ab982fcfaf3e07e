"""The C library's heap under forward passes on CPU.

The tensors of a layer come and go by the dozen. glibc hands freed memory at the end of its heap
back to the system, which fetches it again page by page: 80,000 page faults a pass of GPT-2's shape,
5 % of its time.
"""

import ctypes
import logging
import os
from functools import cache

logger = logging.getLogger(__name__)

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # parameters of mallopt, from malloc.h
_KEPT = 256 * 2**20  # above what a pass for losses holds
_ON_HEAP = 32 * 2**20  # the largest block: glibc's own limit for what it adapts to
_OWN_SETTINGS = ("GLIBC_TUNABLES", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")


@cache
def keep_freed_memory() -> bool:
    """Let this process keep up to 256 MiB that it has freed, from now on; whether it does.

    Not where the C library is another than glibc, or where the environment has settings for it.
    """
    if any(name in os.environ for name in _OWN_SETTINGS):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # TypeError: Windows has no CDLL(None)
        return False
    done = mallopt(_MMAP_THRESHOLD, _ON_HEAP) and mallopt(_TRIM_THRESHOLD, _KEPT)
    logger.debug("freed memory kept for the next pass: %s", bool(done))
    return bool(done)
