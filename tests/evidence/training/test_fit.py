"""Fine-tuning: against Hugging Face's own loss and a padded-batch reference."""

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.tiny import causal_lm
from tshirt_assets.evidence.training.activations import Activations
from tshirt_assets.evidence.training.fit import fine_tune, row_losses, thaw_last_layers
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


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_known_activations_change_no_bit(kind: str, rows: list[TokenizedSample]) -> None:
    plain, sharing = tiny(kind), tiny(kind)
    activations = Activations(sharing, layers=1)
    cut = [replace(rows[0], response_ids=rows[0].response_ids[:4])]
    before = row_losses(sharing, rows + cut, activations)
    assert np.array_equal(before, row_losses(plain, rows + cut))
    steps = fine_tune(sharing, rows, **OPTIONS, activations=activations)
    assert steps == fine_tune(plain, rows, **OPTIONS)
    after = row_losses(sharing, rows + cut, activations)
    assert np.array_equal(after, row_losses(plain, rows + cut))
    assert not np.array_equal(after, before)


def test_the_frozen_layers_run_once_for_a_row(rows: list[TokenizedSample]) -> None:
    model = tiny("llama")
    runs = []
    model.model.layers[0].mlp.register_forward_hook(lambda *_: runs.append(1))
    activations = Activations(model, layers=1)
    for _ in range(3):
        row_losses(model, rows, activations)
    assert len(runs) == len(rows)
    row_losses(model, rows)
    assert len(runs) == 2 * len(rows)  # without them the model is as it was


def test_what_does_not_fit_is_computed_again(
    rows: list[TokenizedSample], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tshirt_assets.evidence.training.activations.KEPT_BYTES", 12 * 32 * 4)
    model = tiny("llama")
    runs = []
    model.model.layers[0].register_forward_hook(lambda *_: None)
    model.model.layers[0].mlp.register_forward_hook(lambda *_: runs.append(1))
    activations = Activations(model, layers=1)
    known = row_losses(model, rows, activations)
    assert np.array_equal(row_losses(model, rows, activations), known)
    assert len(runs) == len(rows) + len(rows) - 1  # a row has 12 tokens of 32 numbers


def test_all_layers_can_be_trained(rows: list[TokenizedSample]) -> None:
    options = OPTIONS | {"layers": 2}
    plain, sharing = tiny("llama"), tiny("llama")
    found = fine_tune(sharing, rows, **options, activations=Activations(sharing, layers=2))
    assert found == fine_tune(plain, rows, **options)
