"""Which sequences share a forward pass, and how they lie in it.

Sequences are concatenated without padding, so that every linear layer sees one tall matrix and
only attention has to know where a sequence ends, or which tokens it shares with another. All
tables of a pack are made by a few operations over all its tokens and copied to the device at once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from .devices import to_device

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
class Spans:
    """Where the B sequences of a pack lie, for attention that takes all of them in one call.

    The i-th of them, in order of the pack, has the tokens `bounds[i]` to `bounds[i + 1]`.
    """

    bounds: torch.Tensor  # (B + 1,) int32
    longest: int


@dataclass(frozen=True, slots=True)
class Pack:
    """Sequences that share a forward pass: N tokens, S of them scored.

    Attention goes by `spans` where they are given, else group by group.
    """

    lengths: tuple[int, ...]
    starts: tuple[int, ...]  # where a sequence's own tokens, those it does not share, begin
    n_scored: tuple[int, ...]
    ids: torch.Tensor  # (N,) int64
    positions: torch.Tensor  # (N,) int64, in their sequence
    predicting: torch.Tensor  # (S,) int64, the tokens whose next token is scored
    targets: torch.Tensor  # (S,) int64, ids of the scored tokens
    groups: tuple[Group, ...] = ()
    spans: Spans | None = None

    @staticmethod
    def of(
        ids: Sequence[np.ndarray],
        n_scored: Sequence[int],
        device: torch.device,
        *,
        slack: float = 0.0,
        shared: Sequence[int] | None = None,
        one_call: bool = False,
    ) -> "Pack":
        """The pack of some sequences, each of which ends in `n_scored` tokens.

        Their own tokens lie in order of falling length. Sequences whose lengths differ by up to
        `slack` of the longest share an attention call at the price of padding there; with 0 only
        equally long ones do, and nothing is copied. Sequence i consists of the first `shared[i]`
        tokens of sequence i - 1, which must be equal to its own, and its own tokens. With
        `one_call` there are spans instead of groups, and nothing may be shared.
        """
        layout = _Layout.of([len(sequence) for sequence in ids], shared)
        tokens = np.concatenate(ids)  # (A,)
        scored = layout.last(n_scored)  # (S,)
        tables = [
            layout.own(tokens),
            layout.own(layout.position),
            layout.place[scored - 1],
            tokens[scored],
        ]
        runs = [] if one_call else list(layout.runs(slack))
        paddings = [layout.padding(run) for run in runs]
        tables += [table for padding in paddings for table in padding]
        if one_call:
            tables.append(np.append(layout.starts[layout.order], len(tokens)))
        first, position, predicting, targets, *rest = _together(tables, device)
        pieces = iter(rest)
        return Pack(
            tuple(layout.lengths.tolist()),
            tuple(layout.starts.tolist()),
            tuple(n_scored),
            first,
            position,
            predicting,
            targets,
            tuple(
                Group(*layout.extent(run), *(next(pieces) for _ in padding))
                for run, padding in zip(runs, paddings, strict=True)
            ),
            Spans(next(pieces).int(), int(layout.lengths.max())) if one_call else None,
        )


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where the tokens of B sequences lie in a pack.

    Seen one after the other, the sequences have A tokens, of which N are in the pack: a token that
    a sequence shares with the one before it is there once.
    """

    lengths: np.ndarray  # (B,)
    shared: np.ndarray  # (B,) leading tokens that are those of the sequence before
    starts: np.ndarray  # (B,) where the sequences' own tokens begin in the pack
    order: np.ndarray  # (B,) sequences as their own tokens lie there
    ends: np.ndarray  # (B,) of the sequences among all A tokens
    position: np.ndarray  # (A,) in its sequence
    place: np.ndarray  # (A,) in the pack

    @staticmethod
    def of(lengths: Sequence[int], shared: Sequence[int] | None) -> "_Layout":
        """Those with shared tokens first, both kinds in order of falling length."""
        length = np.array(lengths, dtype=np.int64)
        common = np.zeros_like(length) if shared is None else np.array(shared, dtype=np.int64)
        own = length - common
        order = np.lexsort((-length, common == 0))
        starts = np.empty_like(length)
        starts[order] = np.cumsum(own[order]) - own[order]
        ends = np.cumsum(length)
        position = np.arange(ends[-1]) - np.repeat(ends - length, length)
        place = position + np.repeat(starts - common, length)
        for i in np.flatnonzero(common).tolist():  # in order: it may be shared on and on
            begin, before, n = ends[i - 1], ends[i - 1] - length[i - 1], common[i]
            place[begin : begin + n] = place[before : before + n]
        return _Layout(length, common, starts, order, ends, position, place)

    def own(self, values: np.ndarray) -> np.ndarray:
        """Values (A,) of all tokens as they lie in the pack, (N,) int64."""
        found = np.empty((self.lengths - self.shared).sum(), dtype=np.int64)
        if self.shared.any():
            own = self.position >= np.repeat(self.shared, self.lengths)
            found[self.place[own]] = values[own]
        else:
            found[self.place] = values
        return found

    def last(self, counts: Sequence[int]) -> np.ndarray:
        """The last tokens of every sequence, so many of each, by their number among all A."""
        n = np.array(counts, dtype=np.int64)
        return np.arange(n.sum()) + np.repeat(self.ends - np.cumsum(n), n)

    def runs(self, slack: float) -> Iterator[np.ndarray]:
        """The sequences (b,) that share an attention call, in order of the pack."""
        n_tokens = int((self.lengths - self.shared).sum())
        borrowing = self.order[self.shared[self.order] > 0]
        whole = self.order[len(borrowing) :]
        for part in (borrowing[self.lengths[borrowing] > self.shared[borrowing]], whole):
            falling, at = -self.lengths[part], 0
            while at < len(part):
                longest = -int(falling[at])
                stop = int(np.searchsorted(falling, -longest * (1.0 - slack), side="right"))
                # Tokens that many share must not multiply what attention holds at a time.
                stop = min(stop, at + max(1, _MOST_PADDED * n_tokens // longest))
                yield part[at:stop]
                at = stop

    def extent(self, run: np.ndarray) -> tuple[int, int, int, int]:
        """Of the sequences of a run: start, stop, count and longest, as in `Group`."""
        own = self.lengths[run] - self.shared[run]
        start = int(self.starts[run[0]])
        return start, start + int(own.sum()), len(run), int(self.lengths[run[0]])

    def padding(self, run: np.ndarray) -> list[np.ndarray]:
        """`padded` and `real` of a run's `Group`, or nothing where it needs none."""
        start, stop, count, longest = self.extent(run)
        if stop - start == count * longest:
            return []
        length, column = self.lengths[run][:, None], np.arange(longest)  # (b, 1), (longest,)
        # Padding repeats the sequence's last token: finite values that no real token attends to.
        token = (self.ends[run][:, None] - length) + np.minimum(column, length - 1)
        real = (column >= self.shared[run][:, None]) & (column < length)  # (b, longest)
        return [self.place[token.ravel()], np.flatnonzero(real)]


def _together(tables: Sequence[np.ndarray], device: torch.device) -> tuple[torch.Tensor, ...]:
    """Tables of int64 on the device, by one copy."""
    joined = np.concatenate(tables, dtype=np.int64)
    return to_device(joined, device).split([len(table) for table in tables])


def n_fitting(sizes: np.ndarray, token_budget: int) -> int:
    """How many leading sequences (there is one at least) fit into the budget; at least one."""
    return max(1, int(np.searchsorted(np.cumsum(sizes), token_budget, side="right")))
