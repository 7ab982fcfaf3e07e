"""Fine-tuning: against Hugging Face's own loss and a padded-batch reference."""

import copy
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from tests.tiny import bpe_tokenizer, causal_lm
from tshirt_assets.examples.training import fine_tune, row_losses, thaw_last_layers, tokenize_rows
from tshirt_assets.scoring.tokenize import TokenizedSample

OPTIONS: dict[str, Any] = {
    "layers": 1,
    "epochs": 2,
    "rows_per_step": 2,
    "learning_rate": 1e-3,
    "seed": 3,
}


def tiny(kind: str) -> Any:
    return causal_lm(kind)


@pytest.fixture
def rows() -> list[TokenizedSample]:
    generator = np.random.default_rng(0)
    return [
        TokenizedSample(
            sample_id=f"row{number}",
            prompt_ids=generator.integers(0, 300, 3 + number),
            response_ids=generator.integers(0, 300, 9 - number),
            has_bos=False,
        )
        for number in range(5)
    ]


def padded(rows: list[TokenizedSample]) -> dict[str, torch.Tensor]:
    """A right-padded batch as Hugging Face's trainers make it: labels -100 on prompt and pad."""
    length = max(len(row.prompt_ids) + len(row.response_ids) for row in rows)
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    labels = torch.full_like(ids, -100)
    mask = torch.zeros_like(ids)
    for place, row in enumerate(rows):
        whole = torch.from_numpy(np.concatenate([row.prompt_ids, row.response_ids]))
        ids[place, : len(whole)] = whole
        mask[place, : len(whole)] = 1
        labels[place, len(row.prompt_ids) : len(whole)] = torch.from_numpy(row.response_ids)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_row_losses_are_those_of_the_model_with_labels(
    kind: str, rows: list[TokenizedSample]
) -> None:
    model = tiny(kind)
    with torch.no_grad():
        expected = [model(**padded([row])).loss.item() for row in rows]
    np.testing.assert_allclose(row_losses(model, rows), expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_training_equals_padded_batches_with_adamw(kind: str, rows: list[TokenizedSample]) -> None:
    model, reference = tiny(kind), tiny(kind)
    losses = fine_tune(model, rows, **OPTIONS)

    layer = reference.model.layers[-1] if kind == "llama" else reference.transformer.h[-1]
    reference.requires_grad_(False)
    layer.requires_grad_(True)
    optimizer = torch.optim.AdamW(layer.parameters(), lr=1e-3, weight_decay=0.0)
    order = np.random.default_rng(3)
    expected = []
    for epoch in range(2):
        shuffled = [rows[index] for index in order.permutation(5)]
        for part in (0, 2, 4):
            for group in optimizer.param_groups:
                group["lr"] = 1e-3 * (1 - (3 * epoch + part // 2) / 6)
            loss = reference(**padded(shuffled[part : part + 2])).loss
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(layer.parameters(), 1.0)
            optimizer.step()
            expected.append(loss.item())
    np.testing.assert_allclose(losses, expected, atol=1e-4)
    # Not the weights: GPT-2's key biases have no effect, and Adam blows up their rounding errors.
    with torch.no_grad():
        ours, theirs, untrained = (m(**padded(rows)).logits for m in (model, reference, tiny(kind)))
    torch.testing.assert_close(ours, theirs, atol=2e-3, rtol=0)
    assert (ours - untrained).abs().max() > 0.05


def test_only_the_last_layers_change(rows: list[TokenizedSample]) -> None:
    model = tiny("llama")
    before = copy.deepcopy(model.state_dict())
    fine_tune(model, rows, **OPTIONS)
    changed = {name for name, value in model.state_dict().items() if not value.equal(before[name])}
    assert changed == {name for name in before if name.startswith("model.layers.1.")}
    assert set(thaw_last_layers(model, 1)) == changed
    assert not any(weight.requires_grad for weight in model.model.layers[0].parameters())


def test_training_learns_the_rows_and_is_reproducible(rows: list[TokenizedSample]) -> None:
    options = OPTIONS | {"epochs": 40, "layers": 2}
    one, two = tiny("llama"), tiny("llama")
    losses = fine_tune(one, rows, **options)
    assert np.mean(losses[-3:]) < 0.5 * np.mean(losses[:3])
    assert row_losses(one, rows).mean() < 0.5 * row_losses(tiny("llama"), rows).mean()
    assert fine_tune(two, rows, **options) == losses


def test_no_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="no rows"):
        fine_tune(tiny("llama"), [], **OPTIONS)


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def test_rows_of_a_subset_become_token_ids() -> None:
    tokenizer = bpe_tokenizer()
    frame = pl.DataFrame(
        {
            "sample_id": ["a", "b"],
            "shard": ["s", "s"],
            "row": [0, 1],
            "messages": [
                [
                    {"role": "user", "content": "Name it."},
                    {"role": "assistant", "content": "A cat"},
                ],
                [{"role": "user", "content": "x" * 50}, {"role": "assistant", "content": "no"}],
            ],
            "instruction": ["Name it.", "x" * 50],
            "input": ["", ""],
            "response": ["A cat", "no"],
        }
    )
    plain = tokenize_rows(frame, tokenizer, "plain", 40)
    assert [row.sample_id for row in plain] == ["a"]
    assert tokenizer.decode(plain[0].prompt_ids) == "Name it.\n"
    assert tokenizer.decode(plain[0].response_ids) == "A cat"
    [chat] = tokenize_rows(frame.head(1), tokenizer, "chat_template", 40)
    assert tokenizer.decode(chat.prompt_ids) == "<|user|>Name it.<|end|>\n<|assistant|>"
