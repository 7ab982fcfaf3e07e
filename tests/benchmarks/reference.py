"""The reference method: one sample at a time, full logits, all noisy copies of a row in one batch.

Written to be obvious and fair: it is how the published procedure works (the clean row and 31 noisy
copies in one batch of 32, of which the last copy is dropped), in the same precision and with the
same model object as ours.
"""

from typing import Protocol

import numpy as np
import torch

from tests.benchmarks.rows import ALPHA, SEED, Row
from tshirt_assets.scoring.kernel.noise import CounterNoise, noise_key, noise_scale


class Reference(Protocol):
    """A method to compare with."""

    name: str
    same_noise: bool  # as ours draws

    def suits(self, row: Row) -> bool:
        """Whether the method sees the row's tokens as we do."""
        ...

    def clean(self, row: Row) -> np.ndarray:
        """Clean token deltas (T',)."""
        ...

    def perturbed(self, row: Row, copies: int) -> tuple[np.ndarray, np.ndarray]:
        """Clean deltas (T',), and those of `copies` noisy copies but the last, (copies - 1, T')."""
        ...


class OwnReference:
    """Our rendering of the published procedure, with our noise."""

    name = "one row at a time, full logits"
    same_noise = True

    def __init__(self, model: torch.nn.Module):
        self._model = model
        self._embedding = model.get_input_embeddings()

    def suits(self, row: Row) -> bool:
        """See `Reference`."""
        return True

    def clean(self, row: Row) -> np.ndarray:
        """See `Reference`."""
        return self._deltas(row, None)[0]

    def perturbed(self, row: Row, copies: int) -> tuple[np.ndarray, np.ndarray]:
        """See `Reference`."""
        length = len(row.tokens.prompt_ids) + len(row.tokens.response_ids)
        width = self._embedding.weight.shape[1]
        eps, field = noise_scale(ALPHA, length, width), np.arange(length)
        device = self._embedding.weight.device
        noise = [torch.zeros(length, width, device=device)]
        for copy in range(copies):
            key = noise_key(SEED, row.tokens.sample_id, copy)
            noise.append(CounterNoise(key, eps, field).values(width, device))
        deltas = self._deltas(row, torch.stack(noise))
        return deltas[0], deltas[1:-1]

    def _deltas(self, row: Row, noise: torch.Tensor | None) -> np.ndarray:
        """Token deltas (B, T') under noise (B, L, C)."""
        prompt, response = row.tokens.prompt_ids, row.tokens.response_ids
        first = row.tokens.first_delta_index
        lead = prompt[: 1 - first]  # the BOS, if any
        cond = self._losses(np.concatenate([prompt, response]), len(response), noise)
        if noise is not None:
            noise = torch.cat([noise[:, : len(lead)], noise[:, len(prompt) :]], dim=1)
        uncond = self._losses(np.concatenate([lead, response]), len(response) - first, noise)
        return (uncond - cond[:, first:]).cpu().numpy()

    def _losses(self, ids: np.ndarray, n_scored: int, noise: torch.Tensor | None) -> torch.Tensor:
        """(B, n_scored) losses from the full logits of one batch."""
        tokens = torch.from_numpy(ids).to(self._embedding.weight.device)
        with torch.inference_mode():
            embeds = self._embedding(tokens)[None]  # (1, L, C)
            if noise is not None:
                embeds = embeds + noise
            logits = self._model(inputs_embeds=embeds).logits  # (B, L, V)
            logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
            log_p = torch.log_softmax(logits[:, -n_scored - 1 : -1], dim=-1)
            targets = tokens[-n_scored:].expand(len(log_p), -1)
            return -log_p.gather(-1, targets[..., None])[..., 0]
