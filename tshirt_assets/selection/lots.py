"""Lots that depend on nothing but a seed and the content of a row."""

import hashlib


def random_draw(seed: int, sample_id: str) -> float:
    """A number in [0, 1) that depends on nothing but the seed and the content."""
    digest = hashlib.blake2b(f"{seed}:{sample_id}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)
