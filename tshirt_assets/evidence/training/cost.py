"""What the trainings take, said before they begin."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tshirt_assets.models.model_size import ModelSize

if TYPE_CHECKING:
    from tshirt_assets.scoring.tokenize import TokenizedSample

PROBE_ROWS = 4


@dataclass(frozen=True, slots=True)
class TrainingCost:
    """cells: trainings, of which `stored` are there already. The rest is for those to be done:
    tokens of prompts and responses that pass the trained layers, operations, seconds."""

    cells: int
    stored: int
    tokens: int
    flops: float
    seconds: float

    @property
    def line(self) -> str:
        """In one sentence."""
        if self.cells == self.stored:
            return f"{self.cells} trainings, all stored: nothing is left to train"
        stored = f" ({self.stored} more are stored)" if self.stored else ""
        return (
            f"{self.cells - self.stored} trainings to do{stored}: {self.tokens:,} tokens, "
            f"{self.flops / 1e12:.3g} TFLOP, about {self.seconds / 60:.1f} min here"
        )


def pass_flops(
    size: ModelSize, rows: "Sequence[TokenizedSample]", layers: int
) -> tuple[float, float]:
    """Operations of one pass of rows through the frozen layers, and through what is behind them."""
    lengths = np.array([len(row.prompt_ids) + len(row.response_ids) for row in rows], float)
    scored = np.array([len(row.response_ids) for row in rows], float)
    share = min(1.0, layers / size.layers)
    head = 2.0 * size.head * scored.sum()
    stack = float(size.flops(lengths, np.zeros(len(rows))).sum())
    return stack * (1 - share), stack * share + head


def training_flops(size: ModelSize, rows: "Sequence[TokenizedSample]", layers: int) -> float:
    """Operations of one epoch over rows whose activations are known.

    Of the trained layers forward and backward pass are three times the forward pass; the head has
    no gradient of its weights.
    """
    _, known = pass_flops(size, rows, layers)
    head = 2.0 * size.head * sum(len(row.response_ids) for row in rows)
    return 3.0 * (known - head) + 2.0 * head
