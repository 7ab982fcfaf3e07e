"""In which order sequences are packed, and which of them run a common beginning only once.

Under a causal mask a token's states depend on the tokens before it alone, so sequences that begin
alike (a template, a system message, the earlier turns of a conversation, the same demo) need that
beginning once per pack.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

_LEAST_SHARED = 16  # tokens; attention to shared tokens costs a copy of its inputs


class Schedule(NamedTuple):
    """Sequences in the order in which they are packed, by their places among those given."""

    sequences: np.ndarray  # (R,) int64
    shared: np.ndarray  # (R,) int64, leading tokens in common with the sequence scheduled before


def schedule(ids: Sequence[np.ndarray], may_share: Sequence[bool]) -> Schedule:
    """Every sequence once: those with a common beginning in lexicographic order, then the others.

    In lexicographic order no earlier sequence has more in common with one than the one before
    it. The others, and those that may not share, come in order of falling length.
    """
    candidates = [index for index, allowed in enumerate(may_share) if allowed]
    keys = {index: ids[index].astype(">u4").tobytes() for index in candidates}
    candidates.sort(key=keys.__getitem__)
    common = [0] * (len(candidates) + 1)  # with the one before; 0 behind the last
    for place, (before, own) in enumerate(pairwise(candidates), start=1):
        head = keys[before][: 4 * _LEAST_SHARED]
        # Most have less in common, which is seen at a glance.
        if len(head) == 4 * _LEAST_SHARED and keys[own].startswith(head):
            common[place] = n_common(ids[before], ids[own])
    places = [place for place in range(len(candidates)) if common[place] or common[place + 1]]
    sharing = np.array([candidates[place] for place in places], dtype=np.int64)
    shared = np.zeros(len(ids), dtype=np.int64)
    shared[: len(places)] = [common[place] for place in places]
    lengths = np.fromiter(map(len, ids), np.int64, len(ids))
    lengths[sharing] = 0
    alone = np.argsort(-lengths, kind="stable")[: len(ids) - len(sharing)]
    return Schedule(np.concatenate([sharing, alone]), shared)


def n_common(one: np.ndarray, other: np.ndarray) -> int:
    """How many leading tokens two sequences have in common."""
    length = min(len(one), len(other))
    different = np.flatnonzero(one[:length] != other[:length])
    return int(different[0]) if len(different) else length
