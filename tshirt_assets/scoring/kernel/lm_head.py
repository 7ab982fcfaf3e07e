"""Token losses and their gradient from hidden states, without ever holding the logits.

The vocabulary is visited in blocks: a block's logits are made, folded into a running
log-sum-exp (and, for gradients, a running mean of the weights) and dropped. Memory is the
block's, whatever the vocabulary. On CPU blocks are the same whatever shares the pass. On CUDA,
where every launch costs time, a block is as much of the vocabulary as memory allows, and one kernel
reads it (`logit_block`). The running log-sum-exp is float64: dozens of float32 steps would add up
to 3e-5 nats that differ with them.
"""

import math
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from .linear import linear_into, reused_space
from .logit_block import reader
from .precision import Precision

_BLOCK = 1024  # words of the vocabulary
_WIDE_ROWS = 512  # tokens that fill a device; for fewer, blocks of the vocabulary become wider
_RAISED = 2.0**10  # keeps small shares above the least float16 number


@dataclass(frozen=True, slots=True)
class LMHead:
    """The linear layer behind the decoder and what the architecture does to its output.

    The logit of token v is z_v = softcap * tanh(scale * (h . w_v + b_v) / softcap), and without
    `softcap` scale * (h . w_v + b_v). Products and log-softmax are float32 whatever the
    weights' type; with `short`, a 16-bit type, its numbers are multiplied and summed in float32.
    """

    weight: torch.Tensor  # (V, C)
    bias: torch.Tensor | None  # (V,)
    scale: float = 1.0
    softcap: float | None = None
    wide: bool = False  # blocks as wide as memory allows
    short: torch.dtype | None = None

    @staticmethod
    def of(model: PreTrainedModel, precision: Precision) -> "LMHead":
        """The head of a causal LM, with the scalings that transformers' architectures know.

        Raises:
            AttributeError: the model has no linear output layer.
        """
        config = model.config.get_text_config()
        linear = model.get_output_embeddings()
        scale = getattr(config, "logit_scale", None) or 1.0
        scale /= getattr(config, "logits_scaling", None) or 1.0
        softcap = getattr(config, "final_logit_softcapping", None)
        on_cuda = precision.device_type == "cuda"
        short = precision.short if on_cuda else None
        return LMHead(linear.weight, linear.bias, scale, softcap, wide=on_cuda, short=short)

    def losses(self, hidden: torch.Tensor, targets: torch.Tensor, elements: int) -> torch.Tensor:
        """-log p(target) in nats, (n,) float32, for hidden states (n, C) and targets (n,) int64.

        At most `elements` logits exist at a time (but a block of one row at least).
        """
        return self._visit(hidden.float(), targets, elements, None)[0]

    def losses_and_gradient(
        self,
        hidden: torch.Tensor,
        targets: torch.Tensor,
        coefficients: torch.Tensor,
        elements: int,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The losses (n,), and d(sum of coefficients * losses)/d(hidden), (n, C), both float32.

        The gradient of one loss is the mean of z'_v w_v under the softmax, minus z'_y w_y for
        the target y.
        """
        hidden = hidden.float()
        mean = torch.zeros_like(hidden)
        losses, target_logit = self._visit(hidden, targets, elements, mean)
        target_slope = self._slope(target_logit[:, None])  # (n, 1)
        gradient = mean - target_slope * self.weight[targets].float()
        return losses, gradient * coefficients[:, None]

    def _visit(
        self,
        hidden: torch.Tensor,  # (n, C) float32
        targets: torch.Tensor,  # (n,)
        elements: int,
        mean: torch.Tensor | None,  # (n, C) zeros, becomes the softmax mean of z'_v w_v
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The losses (n,) and the targets' logits (n,)."""
        block = self._block(len(hidden), elements)
        parts = math.ceil(len(hidden) / max(1, elements // block))
        means = [None] * parts if mean is None else mean.chunk(parts)
        found = [
            self._visit_rows(*rows, block)
            for rows in zip(hidden.chunk(parts), targets.chunk(parts), means, strict=False)
        ]
        losses, target_logits = zip(*found, strict=True)
        return torch.cat(losses), torch.cat(target_logits)

    def _block(self, n_rows: int, elements: int) -> int:
        """How many words of the vocabulary are visited at a time."""
        words = len(self.weight)
        if not self.wide:
            return min(_BLOCK, words)
        return min(words, max(1, elements // min(n_rows, _WIDE_ROWS)))

    def _visit_rows(
        self,
        hidden: torch.Tensor,
        targets: torch.Tensor,
        mean: torch.Tensor | None,
        block: int,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """`_visit` for rows whose logits of one block may exist together."""
        read = reader(hidden.device)
        space = reused_space(hidden, block)
        total = hidden.new_full((len(hidden),), -torch.inf, dtype=torch.float64)  # log-sum-exp
        target_logit = torch.zeros_like(hidden[:, 0])
        for first in range(0, len(self.weight), block):
            weight = self.weight[first : first + block].to(self.short or torch.float32)
            logits = self._logits(hidden, weight, first, space)  # (n, block)
            capped = mean is not None and self.softcap is not None
            slope = self._slope(logits) if capped else None
            found = read(logits, targets - first)
            before, total = total, torch.logaddexp(total, found.total)
            target_logit += found.picked
            if mean is not None:
                mean.mul_((before - total).exp().float()[:, None])
                raised = _RAISED if self.short is torch.float16 else 1.0
                share = found.shares(total, raised * (self.scale if slope is None else 1.0))
                if slope is not None:
                    share.mul_(slope)
                mean.add_(self._product(share, weight.t(), None), alpha=1.0 / raised)
        return (total - target_logit).float(), target_logit

    def _logits(
        self, hidden: torch.Tensor, weight: torch.Tensor, first: int, space: torch.Tensor | None
    ) -> torch.Tensor:
        bias = None if self.bias is None else self.bias[first : first + len(weight)].float()
        logits = self._product(hidden, weight, bias, space)
        if self.scale != 1.0:
            logits *= self.scale
        if self.softcap is not None:
            logits = logits.div_(self.softcap).tanh_().mul_(self.softcap)
        return logits

    def _product(
        self,
        left: torch.Tensor,
        right: torch.Tensor,
        bias: torch.Tensor | None,
        space: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """left (n, K) times the transpose of right (m, K), plus bias (m,): (n, m) float32."""
        if self.short is None:
            return linear_into(space, left, right, bias)
        product = torch.mm(left.to(self.short), right.t(), out_dtype=torch.float32)
        return product if bias is None else product.add_(bias)

    def _slope(self, logits: torch.Tensor) -> torch.Tensor:
        """dz/d(h . w + b) at these logits."""
        if self.softcap is None:
            return torch.full_like(logits[:1, :1], self.scale)
        return self.scale * (1.0 - (logits / self.softcap).square())
