"""The block of logits of `logit_block` in one kernel each way, in Triton; imported only on CUDA."""

import torch
import triton
import triton.language as tl

from .devices import current

_MOST_WORDS = 4096  # that a program looks at together


@triton.jit
def _read(logits, index, total, picked, n_words, stride, WORDS: tl.constexpr):  # type: ignore[no-untyped-def]
    row = tl.program_id(0).to(tl.int64)
    start = logits + row * stride
    word = tl.arange(0, WORDS)
    greatest = tl.full((WORDS,), float("-inf"), tl.float32)
    for first in range(0, n_words, WORDS):
        inside = first + word < n_words
        greatest = tl.maximum(
            greatest, tl.load(start + first + word, mask=inside, other=float("-inf"))
        )
    most = tl.max(greatest, 0)
    # The second time the row comes from the card's cache.
    sums = tl.zeros((WORDS,), tl.float32)
    for first in range(0, n_words, WORDS):
        inside = first + word < n_words
        z = tl.load(start + first + word, mask=inside, other=float("-inf"))
        sums += tl.exp(z - most)
    # A number that is none reaches the sum, whatever the maximum made of it.
    tl.store(total + row, most.to(tl.float64) + tl.log(tl.sum(sums, 0)).to(tl.float64))
    target = tl.load(index + row)
    there = (target >= 0) & (target < n_words)
    tl.store(picked + row, tl.load(start + target, mask=there, other=0.0))


@triton.jit
def _share(logits, total, factor, n_words, stride, WORDS: tl.constexpr):  # type: ignore[no-untyped-def]
    row = tl.program_id(0).to(tl.int64)
    word = tl.program_id(1) * WORDS + tl.arange(0, WORDS)
    place = logits + row * stride + word
    z = tl.load(place, mask=word < n_words, other=0.0)
    log_share = (z.to(tl.float64) - tl.load(total + row)).to(tl.float32)
    tl.store(place, factor * tl.exp(log_share), mask=word < n_words)


class AtOnce:
    """A `LogitBlock` by one kernel that reads the logits, and one that turns them into shares."""

    def __init__(self, logits: torch.Tensor, index: torch.Tensor) -> None:
        self._logits = logits
        self.total = logits.new_empty(len(logits), dtype=torch.float64)
        self.picked = logits.new_empty(len(logits))
        with current(logits.device):
            _read[(len(logits),)](
                *(logits, index, self.total, self.picked, logits.shape[1], logits.stride(0)),
                WORDS=self._together,
            )

    @property
    def _together(self) -> int:
        return min(_MOST_WORDS, int(triton.next_power_of_2(self._logits.shape[1])))

    def shares(self, total: torch.Tensor, factor: float) -> torch.Tensor:
        """See `LogitBlock`."""
        rows, words = self._logits.shape
        with current(self._logits.device):
            _share[rows, triton.cdiv(words, self._together)](
                *(self._logits, total, factor, words, self._logits.stride(0)),
                WORDS=self._together,
            )
        return self._logits
