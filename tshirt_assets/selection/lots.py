"""Lots that depend on nothing but a seed and the content of a row."""

import hashlib
from collections.abc import Iterable

import numpy as np


def random_draws(seed: int, sample_ids: Iterable[str]) -> np.ndarray:
    """A number in [0, 1) for each row, (n,) float64: the first 53 bits of a hash of seed and id."""
    begun = hashlib.blake2b(f"{seed}:".encode(), digest_size=8)
    digests = []
    for sample_id in sample_ids:
        lot = begun.copy()
        lot.update(sample_id.encode())
        digests.append(lot.digest())
    return (np.frombuffer(b"".join(digests), ">u8") >> 11) / float(1 << 53)


def in_drawn_order(seed: int, sample_ids: Iterable[str]) -> list[str]:
    """The rows by ascending draw; what is drawn alike goes by id."""
    ids = sorted(sample_ids)
    return [ids[place] for place in np.argsort(random_draws(seed, ids), kind="stable")]
