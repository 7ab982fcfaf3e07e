"""How much a model computes for a token, from its configuration and the shapes of its weights."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

_EXPERT = re.compile(r"\bexperts\b")


@dataclass(frozen=True, slots=True)
class ModelSize:
    """Weights that a token is multiplied by: `body` in the layers, `head` where it is scored.

    `layers` and `width` are those of attention, whose cost grows with the length of a text.
    """

    body: float
    head: float
    layers: int
    width: int

    @staticmethod
    def of(config: "PreTrainedConfig", shapes: Mapping[str, Any]) -> "ModelSize":
        """From a config and the model's weights by name; of experts only the active ones count."""
        text = config.get_text_config()
        experts = _first(text, "num_local_experts", "num_experts", "n_routed_experts")
        active = _first(text, "num_experts_per_tok") / experts if experts else 1.0
        body = sum(
            weight.numel() * (active if _EXPERT.search(name) else 1.0)
            for name, weight in shapes.items()
            if len(weight.shape) > 1 and text.vocab_size not in weight.shape
        )
        width = text.hidden_size
        return ModelSize(body, text.vocab_size * width, text.num_hidden_layers, width)

    def flops(self, lengths: np.ndarray, scored: np.ndarray) -> np.ndarray:
        """Floating-point operations of one forward pass of texts.

        lengths: (N,) tokens of each; scored: (N,) of these, those whose loss is wanted.
        """
        linear = 2.0 * (self.body * lengths + self.head * scored)
        return linear + 2.0 * self.layers * self.width * np.square(lengths, dtype=np.float64)


def _first(config: Any, *names: str) -> float:
    """The first of these numbers that a config has; 0 if it has none."""
    return float(next((getattr(config, name) for name in names if getattr(config, name, 0)), 0))
