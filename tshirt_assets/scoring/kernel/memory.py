"""How many tokens and logits a forward pass may hold, from the model's size and free memory."""

from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

# CPU: larger passes are no faster, and buffers above 32 MiB cost a page fault per page because
# the C library hands them back to the system at once.
_CPU_BYTES = 96 * 2**20
_CPU_GRADIENT_BYTES = 640 * 2**20
_CPU_LOGITS = 2 * 2**20
_CUDA_SHARE = 0.3  # of the free memory, for the tokens of a pass
_CUDA_LOGITS_SHARE = 0.1
_CUDA_LOGITS = 256 * 2**20
_MIN_TOKENS = 16

PACK_TOKENS = {"cpu": 1536, "cuda": 32 * 1024}
"""Tokens of a pass where memory allows, by kind of device."""


@dataclass(slots=True)
class Limits:
    """What one forward pass may hold; shrinks when the device runs out of memory."""

    tokens: int  # per pass; a single longer sequence still goes through
    logits: int  # float32 values at a time

    def halve(self) -> bool:
        """Halve both; False if they were as small as makes sense."""
        if self.tokens <= _MIN_TOKENS:
            return False
        self.tokens //= 2
        self.logits = max(1, self.logits // 2)
        return True


def choose_limits(
    model: PreTrainedModel, device: torch.device, token_budget: int | None = None
) -> tuple[Limits, Limits]:
    """Limits of passes for losses and of passes for gradients (which keep every layer)."""
    config = model.config.get_text_config()
    width = config.hidden_size
    widest = max(
        (
            max(weight.shape)
            for name, weight in model.get_decoder().named_parameters()
            if weight.dim() == 2 and len(weight) != config.vocab_size
        ),
        default=width,
    )
    layer_bytes = 4 * (8 * width + 4 * widest)  # float32 values of one token in one layer
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
        budget = gradient_budget = free * _CUDA_SHARE
        logits = min(_CUDA_LOGITS, int(free * _CUDA_LOGITS_SHARE) // 12)
    else:
        budget, gradient_budget = _CPU_BYTES, _CPU_GRADIENT_BYTES
        logits = _CPU_LOGITS
    most = PACK_TOKENS["cuda" if device.type == "cuda" else "cpu"]
    tokens = token_budget or max(_MIN_TOKENS, min(most, int(budget / layer_bytes)))
    kept = layer_bytes * config.num_hidden_layers
    return Limits(tokens, logits), Limits(
        max(_MIN_TOKENS, min(tokens, int(gradient_budget / kept))), logits
    )
