"""Supervised fine-tuning in plain PyTorch: the last layers of a causal LM, a few steps."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tshirt_assets.corpus.sample import Sample
from tshirt_assets.corpus.status import Status
from tshirt_assets.export.turns import scored_messages

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from tshirt_assets.scoring.tokenize import TokenizedSample

MAX_GRADIENT_NORM = 1.0


def tokenize_rows(
    rows: pl.DataFrame, tokenizer: "PreTrainedTokenizerBase", prompt_format: str, max_length: int
) -> "list[TokenizedSample]":
    """Token ids of the rows that `load_subset` returns; rows that do not fit are left out."""
    from tshirt_assets.scoring.tokenize import tokenize_sample

    samples = (
        Sample(
            sample_id=row["sample_id"],
            shard=row["shard"],
            row=row["row"],
            status=Status.OK,
            status_detail=None,
            messages=tuple(scored_messages(row)),
            instruction=row["instruction"],
            input=row["input"],
            response=row["response"],
        )
        for row in rows.iter_rows(named=True)
    )
    tokenized = (tokenize_sample(s, tokenizer, prompt_format, max_length) for s in samples)
    return [sample for sample in tokenized if sample.status is Status.OK]


def row_losses(model: "PreTrainedModel", rows: "Sequence[TokenizedSample]") -> np.ndarray:
    """Mean loss over the response tokens of each row given its prompt, (n,) in nats."""
    from tshirt_assets.scoring.kernel.token_loss import LossRequest, TokenLossEngine

    engine = TokenLossEngine(model)  # a new one: it may keep copies of weights
    requests = [
        LossRequest(np.concatenate([row.prompt_ids, row.response_ids]), len(row.response_ids))
        for row in rows
    ]
    return np.array([losses.mean(dtype=np.float64) for losses in engine.losses(requests)])


def thaw_last_layers(model: "PreTrainedModel", count: int) -> "dict[str, torch.nn.Parameter]":
    """Make the last `count` layers trainable and everything else not; returns what is trainable."""
    import torch

    model.requires_grad_(False)
    stacks = [module for module in model.modules() if isinstance(module, torch.nn.ModuleList)]
    for layer in max(stacks, key=len)[-count:]:
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
) -> list[float]:
    """Train the last layers in place on the responses; the loss of every step, nats per token.

    AdamW, learning rate falling linearly to 0. The model stays in eval mode: without dropout the
    result depends on nothing but the arguments. Raises `ValueError` without rows.
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
            part = _summed_loss(model, row) / n_tokens
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


def _summed_loss(model: "PreTrainedModel", row: "TokenizedSample") -> "torch.Tensor":
    """Sum of the losses of a row's response tokens; the prompt is only context."""
    import torch
    from torch.nn.functional import cross_entropy

    ids = torch.from_numpy(np.concatenate([row.prompt_ids, row.response_ids]))[None]  # (1, L)
    logits = model(input_ids=ids.to(model.device), use_cache=False).logits  # (1, L, V)
    predicting = logits[0, len(row.prompt_ids) - 1 : -1].float()  # (T, V)
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
