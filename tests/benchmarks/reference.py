"""The reference method: one sample at a time, full logits, all noisy copies of a row in one batch.

Written to be obvious and fair: it is how the published procedure works (31 copies are drawn and
the last is dropped), in the same precision, with the same model object.
"""

from dataclasses import dataclass

import numpy as np
import torch

from tshirt_assets.scoring.noise import CounterNoise, noise_key, noise_scale
from tshirt_assets.scoring.tokenize import TokenizedSample


@dataclass(frozen=True)
class ReferenceScore:
    """Clean deltas (T',), and perturbed deltas (M, T') where neighbours were asked for."""

    deltas: np.ndarray
    neighbour_deltas: np.ndarray | None


def clean_deltas(model: torch.nn.Module, sample: TokenizedSample) -> np.ndarray:
    """Token deltas of one row from two forward passes with full logits."""
    prompt, response = sample.prompt_ids, sample.response_ids
    first = sample.first_delta_index
    cond = _losses(model, np.concatenate([prompt, response]), len(response), None)[0]
    bare = np.concatenate([prompt[: 1 - first], response])
    uncond = _losses(model, bare, len(response) - first, None)[0]
    return (uncond - cond[first:]).numpy()


def perturbed_deltas(
    model: torch.nn.Module, sample: TokenizedSample, *, copies: int, alpha: float, seed: int
) -> np.ndarray:
    """Token deltas (copies - 1, T') of the row's noisy copies, two batched passes."""
    prompt, response = sample.prompt_ids, sample.response_ids
    length, first = len(prompt) + len(response), sample.first_delta_index
    width = model.get_input_embeddings().weight.shape[1]
    eps = noise_scale(alpha, length, width)
    field = torch.stack(
        [
            CounterNoise(noise_key(seed, sample.sample_id, copy), eps, np.arange(length)).values(
                width, torch.device("cpu")
            )
            for copy in range(copies)
        ]
    )  # (copies, L, C)
    cond = _losses(model, np.concatenate([prompt, response]), len(response), field)
    own = torch.cat([field[:, : 1 - first], field[:, len(prompt) :]], dim=1)
    bare = np.concatenate([prompt[: 1 - first], response])
    uncond = _losses(model, bare, len(response) - first, own)
    return (uncond - cond[:, first:]).numpy()[:-1]


def _losses(
    model: torch.nn.Module, ids: np.ndarray, n_scored: int, noise: torch.Tensor | None
) -> torch.Tensor:
    """(copies, n_scored) losses from the full logits of one batch."""
    tokens = torch.from_numpy(ids)
    with torch.inference_mode():
        embeds = model.get_input_embeddings()(tokens)[None]  # (1, L, C)
        if noise is not None:
            embeds = embeds + noise
        logits = model(inputs_embeds=embeds).logits.float()  # (copies, L, V)
        log_p = torch.log_softmax(logits[:, -n_scored - 1 : -1], dim=-1)
        targets = tokens[-n_scored:].expand(len(log_p), -1)
        return -log_p.gather(-1, targets[..., None])[..., 0]
