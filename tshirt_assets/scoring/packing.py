"""Which sequences share a forward pass, and how they lie in it.

Sequences are concatenated without padding, so that every linear layer sees one tall matrix and
only attention has to know where a sequence ends.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile

import numpy as np
import torch


@dataclass(frozen=True, slots=True)
class Group:
    """Neighbouring sequences of a pack that share one attention call.

    Tokens `start` to `stop` of the pack are `count` sequences of at most `longest` tokens. Where
    they are not all equally long, `padded` (count * longest,) names the token of the pack at
    every place of the right-padded layout, and `real` (stop - start,) the places that count.
    """

    start: int
    stop: int
    count: int
    longest: int
    padded: torch.Tensor | None = None
    real: torch.Tensor | None = None


@dataclass(frozen=True, slots=True)
class Pack:
    """Sequences that share a forward pass: N tokens behind each other, S of them scored."""

    lengths: tuple[int, ...]
    n_scored: tuple[int, ...]
    ids: torch.Tensor  # (N,) int64
    positions: torch.Tensor  # (N,) int64, restarting at 0 with every sequence
    predicting: torch.Tensor  # (S,) int64, the tokens whose next token is scored
    targets: torch.Tensor  # (S,) int64, ids of the scored tokens
    groups: tuple[Group, ...]

    @staticmethod
    def of(
        ids: Sequence[np.ndarray],
        n_scored: Sequence[int],
        device: torch.device,
        *,
        slack: float = 0.0,
    ) -> "Pack":
        """The pack of sequences given in order of falling length; each ends in `n_scored` tokens.

        Sequences whose lengths differ by up to `slack` of the longest share an attention call
        at the price of padding there; with 0 only equally long ones do, and nothing is copied.
        """
        lengths = tuple(len(sequence) for sequence in ids)
        starts = np.cumsum((0, *lengths))
        joined = np.concatenate(ids).astype(np.int64, copy=False)
        scored = np.concatenate(
            [np.arange(stop - n, stop) for stop, n in zip(starts[1:], n_scored, strict=True)]
        )
        groups = []
        first = 0
        for last in range(1, len(lengths) + 1):
            if last == len(lengths) or lengths[last] < lengths[first] * (1.0 - slack):
                groups.append(_group(int(starts[first]), lengths[first:last], device))
                first = last
        return Pack(
            lengths,
            tuple(n_scored),
            to_device(joined, device),
            to_device(np.concatenate([np.arange(length) for length in lengths]), device),
            to_device(scored - 1, device),
            to_device(joined[scored], device),
            tuple(groups),
        )


def _group(start: int, lengths: Sequence[int], device: torch.device) -> Group:
    size, longest = sum(lengths), max(lengths)
    if size == longest * len(lengths):
        return Group(start, start + size, len(lengths), longest)
    length = np.array(lengths)[:, None]  # (B, 1)
    first = start + length.cumsum(0) - length  # (B, 1)
    place = np.arange(longest)  # (longest,)
    # Padding repeats the sequence's last token: finite values that no real token attends to.
    padded = first + np.minimum(place, length - 1)  # (B, longest)
    real = np.flatnonzero(place < length)
    return Group(
        start,
        start + size,
        len(lengths),
        longest,
        to_device(padded.ravel(), device),
        to_device(real, device),
    )


def n_fitting(lengths: Iterable[int], token_budget: int) -> int:
    """How many leading sequences (there is one at least) fit into the budget; at least one."""
    return max(1, sum(1 for _ in takewhile(lambda n: n <= token_budget, accumulate(lengths))))


def to_device(values: np.ndarray, device: torch.device) -> torch.Tensor:
    """The array on the device; onto CUDA without waiting for the work already queued there."""
    tensor = torch.from_numpy(values)
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
