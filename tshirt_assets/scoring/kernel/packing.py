"""Which sequences share a forward pass, and how they lie in it.

Sequences are concatenated without padding, so that every linear layer sees one tall matrix and
only attention has to know where a sequence ends, or which tokens it shares with another.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile

import numpy as np
import torch

_NO_PLACES = np.zeros(0, dtype=np.int64)
_MOST_PADDED = 2  # times the tokens of the pack, in one attention call


@dataclass(frozen=True, slots=True)
class Group:
    """Neighbouring sequences of a pack that share one attention call.

    Tokens `start` to `stop` of the pack belong to `count` sequences of at most `longest` tokens.
    Where that is not all there is to say, because lengths differ or a sequence begins with tokens
    of another one, `padded` (count * longest,) names the token of the pack at every place of the
    right-padded layout, and `real` (stop - start,) the places of the tokens `start` to `stop`.
    """

    start: int
    stop: int
    count: int
    longest: int
    padded: torch.Tensor | None = None
    real: torch.Tensor | None = None


@dataclass(frozen=True, slots=True)
class Pack:
    """Sequences that share a forward pass: N tokens, S of them scored."""

    lengths: tuple[int, ...]
    starts: tuple[int, ...]  # where a sequence's own tokens, those it does not share, begin
    n_scored: tuple[int, ...]
    ids: torch.Tensor  # (N,) int64
    positions: torch.Tensor  # (N,) int64, in their sequence
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
        shared: Sequence[int] | None = None,
    ) -> "Pack":
        """The pack of some sequences, each of which ends in `n_scored` tokens.

        Their own tokens lie in order of falling length. Sequences whose lengths differ by up to
        `slack` of the longest share an attention call at the price of padding there; with 0 only
        equally long ones do, and nothing is copied. Sequence i consists of the first `shared[i]`
        tokens of sequence i - 1, which must be equal to its own, and its own tokens.
        """
        shared = shared or [0] * len(ids)
        lengths = tuple(len(sequence) for sequence in ids)
        own = [length - common for length, common in zip(lengths, shared, strict=True)]
        order = sorted(range(len(ids)), key=lambda i: (shared[i] == 0, -lengths[i]))
        starts = np.zeros(len(ids), dtype=np.int64)
        starts[order] = np.cumsum([0, *(own[i] for i in order)])[:-1]

        places: list[np.ndarray] = []  # of each sequence's tokens in the pack
        for start, n, common in zip(starts, own, shared, strict=True):
            lead = places[-1][:common] if common else _NO_PLACES
            places.append(np.concatenate([lead, np.arange(start, start + n)]))
        joined = np.concatenate([ids[i][shared[i] :] for i in order])
        positions = np.concatenate([np.arange(shared[i], lengths[i]) for i in order])
        ends = zip(ids, places, n_scored, strict=True)
        targets, predicting = zip(
            *((tokens[len(tokens) - n :], at[len(at) - n - 1 : -1]) for tokens, at, n in ends),
            strict=True,
        )
        return Pack(
            lengths,
            tuple(starts.tolist()),
            tuple(n_scored),
            to_device(joined.astype(np.int64, copy=False), device),
            to_device(positions, device),
            to_device(np.concatenate(predicting), device),
            to_device(np.concatenate(targets).astype(np.int64, copy=False), device),
            tuple(
                _group([places[i] for i in members], [shared[i] for i in members], device)
                for members in _alike([i for i in order if own[i]], lengths, shared, slack)
            ),
        )


def _alike(
    order: Sequence[int], lengths: Sequence[int], shared: Sequence[int], slack: float
) -> Iterator[list[int]]:
    """Runs of sequences that share an attention call, from sequences in order of the pack."""
    n_tokens = sum(lengths[i] - shared[i] for i in order)
    run: list[int] = []
    for i in order:
        if run and (
            lengths[i] < lengths[run[0]] * (1.0 - slack)
            or (shared[i] == 0) != (shared[run[0]] == 0)
            # Tokens that many share must not multiply what attention holds at a time.
            or (len(run) + 1) * lengths[run[0]] > _MOST_PADDED * n_tokens
        ):
            yield run
            run = []
        run.append(i)
    if run:
        yield run


def _group(places: Sequence[np.ndarray], shared: Sequence[int], device: torch.device) -> Group:
    """The group of sequences whose tokens are at these places of the pack."""
    count, longest = len(places), max(map(len, places))
    start, stop = int(places[0][shared[0]]), int(places[-1][-1]) + 1
    if stop - start == count * longest:
        return Group(start, stop, count, longest)
    # Padding repeats the sequence's last token: finite values that no real token attends to.
    padded = np.stack([np.pad(at, (0, longest - len(at)), "edge") for at in places])
    place = np.arange(longest)
    length = np.array([len(at) for at in places])[:, None]  # (B, 1)
    real = (place >= np.array(shared)[:, None]) & (place < length)  # (B, longest)
    return Group(
        start,
        stop,
        count,
        longest,
        to_device(padded.ravel(), device),
        to_device(np.flatnonzero(real), device),
    )


def n_fitting(sizes: Iterable[int], token_budget: int) -> int:
    """How many leading sequences (there is one at least) fit into the budget; at least one."""
    return max(1, sum(1 for _ in takewhile(lambda n: n <= token_budget, accumulate(sizes))))


def to_device(values: np.ndarray, device: torch.device) -> torch.Tensor:
    """The array on the device; onto CUDA without waiting for the work already queued there."""
    tensor = torch.from_numpy(values)
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
