"""Supervised fine-tuning in plain PyTorch: the last layers of a causal LM, a few steps."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tshirt_assets.evidence.training.activations import Activations, layer_stack

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from tshirt_assets.scoring.tokenize import TokenizedSample

MAX_GRADIENT_NORM = 1.0


def row_losses(
    model: "PreTrainedModel",
    rows: "Sequence[TokenizedSample]",
    activations: Activations | None = None,
) -> np.ndarray:
    """Mean loss over the response tokens of each row given its prompt, (n,) in nats.

    activations: what is known of the rows behind the frozen layers, which spares these.
    """
    import torch

    with torch.no_grad():
        sums = [_summed_loss(model, row, activations).item() for row in rows]
    return np.array([total / len(row.response_ids) for total, row in zip(sums, rows, strict=True)])


def thaw_last_layers(model: "PreTrainedModel", count: int) -> "dict[str, torch.nn.Parameter]":
    """Make the last `count` layers trainable and everything else not; returns what is trainable."""
    model.requires_grad_(False)
    for layer in layer_stack(model)[-count:]:
        layer.requires_grad_(True)
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


def fine_tune(
    model: "PreTrainedModel",
    rows: "Sequence[TokenizedSample]",
    *,
    layers: int,
    epochs: int,
    rows_per_step: int,
    learning_rate: float,
    seed: int,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
    activations: Activations | None = None,
) -> list[float]:
    """Train the last layers in place on the responses; the loss of every step, nats per token.

    AdamW, learning rate falling linearly to 0. The model stays in eval mode: without dropout the
    result depends on nothing but the arguments. activations: of the layers that stay as they are,
    see `row_losses`. Raises `ValueError` without rows.
    """
    import torch

    if not rows:
        raise ValueError("no rows to train on")
    weights = thaw_last_layers(model, layers)
    batches = list(_batches(rows, epochs, rows_per_step, seed))
    optimizer = torch.optim.AdamW(weights.values(), lr=learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=len(batches))
    losses = []
    for step, batch in enumerate(batches, start=1):
        n_tokens = sum(len(row.response_ids) for row in batch)
        loss = 0.0
        for row in batch:  # one row at a time: no padding, and the memory of one
            part = _summed_loss(model, row, activations) / n_tokens
            part.backward()
            loss += part.item()
        torch.nn.utils.clip_grad_norm_(weights.values(), MAX_GRADIENT_NORM)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        schedule.step()
        losses.append(loss)
        on_step(step, loss)
    model.requires_grad_(False)
    return losses


def _summed_loss(
    model: "PreTrainedModel", row: "TokenizedSample", activations: Activations | None
) -> "torch.Tensor":
    """Sum of the losses of a row's response tokens; the prompt is only context."""
    import torch
    from torch.nn.functional import cross_entropy

    ids = torch.from_numpy(np.concatenate([row.prompt_ids, row.response_ids]))[None]  # (1, L)
    asked = {"input_ids": ids.to(model.device), "use_cache": False}
    kept = len(row.response_ids) + 1  # positions whose logits count, and the last, which predicts
    asked["logits_to_keep"] = kept
    if activations is None:
        logits = model(**asked).logits  # (1, kept, V)
    else:
        with activations.of(row):
            logits = model(**asked).logits
    predicting = logits[0, :-1].float()  # (T, V)
    targets = torch.from_numpy(row.response_ids).to(model.device)  # (T,)
    return cross_entropy(predicting, targets, reduction="sum")


def _batches(
    rows: "Sequence[TokenizedSample]", epochs: int, size: int, seed: int
) -> "Iterator[list[TokenizedSample]]":
    """Every row once per epoch, in an order of its own each time."""
    generator = np.random.default_rng(seed)
    for _ in range(epochs):
        order = generator.permutation(len(rows))
        for start in range(0, len(rows), size):
            yield [rows[index] for index in order[start : start + size]]
