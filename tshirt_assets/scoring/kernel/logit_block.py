"""What one block of logits adds to token losses: its log-sum-exp, the targets' logits, its shares.

`in_steps` does it by PyTorch's operations anywhere. On CUDA three passes over a block of up to a
gigabyte are what the LM head costs beside its product, so one kernel reads it (`logit_kernel`),
where that is found to give the same.
"""

import logging
from collections.abc import Callable
from functools import cache
from typing import Protocol

import torch

from .devices import current

logger = logging.getLogger(__name__)

# Of numbers between -30 and 30: rounding of the exponential function and of sums of thousands.
_TOLERANCE = 4e-6


class LogitBlock(Protocol):
    """Logits (n, W) float32 of W words that follow each other in the vocabulary, read once."""

    total: torch.Tensor  # (n,) float64, log-sum-exp of each row
    picked: torch.Tensor  # (n,) float32, the logit at the row's target, 0 where it is elsewhere

    def shares(self, total: torch.Tensor, factor: float) -> torch.Tensor:
        """factor * exp(logit - total), (n, W) float32, for log-sum-exps (n,) float64.

        May be called once.
        """
        ...


Reader = Callable[[torch.Tensor, torch.Tensor], LogitBlock]
"""Reads logits (n, W) and targets (n,) int64, by their place in the block; ends the logits."""


class InSteps:
    """A `LogitBlock` by PyTorch's operations."""

    def __init__(self, logits: torch.Tensor, index: torch.Tensor) -> None:
        inside = (index >= 0) & (index < logits.shape[1])
        picked = logits.gather(1, index.clamp(0, logits.shape[1] - 1)[:, None])[:, 0]
        self.picked = torch.where(inside, picked, 0.0)
        first = logits[:, 0].to(torch.float64, copy=True)
        # One pass gives both; log-sum-exp alone takes three and is slower.
        space = logits if logits.device.type == "cpu" else None
        self._log_share = torch.log_softmax(logits, -1, out=space)
        self.total = first - self._log_share[:, 0]

    def shares(self, total: torch.Tensor, factor: float) -> torch.Tensor:
        """See `LogitBlock`."""
        found = self._log_share.add_((self.total - total).float()[:, None]).exp_()
        return found if factor == 1.0 else found.mul_(factor)


@cache
def reader(device: torch.device) -> Reader:
    """The fastest way to read a block on a device that gives what `InSteps` gives."""
    if device.type != "cuda":
        return InSteps
    try:
        from .logit_kernel import AtOnce

        if agrees(AtOnce, device):
            logger.info("LM head: one kernel reads the logits on %s", device)
            return AtOnce
        reason = "its sums are not those of PyTorch"
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # no Triton, no compiler for it, or a card that it does not know
        reason = repr(error)
    logger.info("LM head: log-softmax on %s, the kernel cannot be used: %s", device, reason)
    return InSteps


def agrees(read: Reader, device: torch.device) -> bool:
    """Whether a way to read blocks gives what `InSteps` gives in float64 on the CPU."""
    draw = torch.Generator().manual_seed(0)
    for rows, words in ((1, 1), (3, 67), (5, 4096), (2, 9001)):
        logits = 8.0 * torch.randn(rows, words, generator=draw)
        logits[-1, words // 2] = 29.0  # one word has nearly all
        index = torch.randint(-words, 2 * words, (rows,), generator=draw)
        index[0] = words - 1
        with current(device):
            found = read(logits.to(device, copy=True), index.to(device))
            shares = found.shares(found.total + 0.5, 2.0)
        exact = InSteps(logits.double(), index)
        pairs = (
            (found.total, exact.total),
            (found.picked, exact.picked),
            (shares, 2.0 * (logits.double() - exact.total[:, None] - 0.5).exp()),
        )
        if not all(torch.allclose(a.cpu().double(), b, _TOLERANCE, _TOLERANCE) for a, b in pairs):
            return False
    return True
