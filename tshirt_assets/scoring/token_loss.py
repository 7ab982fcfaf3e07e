"""Per-token losses of a causal language model: the kernel under every score.

IFD, S-IFD and MIWV are all made of -log p(token given context) under different contexts and
embedding perturbations (METHODS.md section 1). A `LossRequest` names one such context.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from transformers import PreTrainedModel

from .noise import Noise

__all__ = ["LossRequest", "Noise", "TokenLossEngine"]


@dataclass(frozen=True, slots=True)
class LossRequest:
    """Token ids to feed to the model, of which the last `n_scored` are scored."""

    ids: np.ndarray  # (L,) int64
    n_scored: int  # 1 <= n_scored <= L - 1
    noise: Noise | None = None


class TokenLossEngine:
    """Token losses of a causal LM that is loaded and in eval mode."""

    def __init__(
        self, model: PreTrainedModel, *, precision: str = "auto", token_budget: int | None = None
    ) -> None:
        self.model = model
        self.device = model.device
        self.precision = "fp32"
        weight: torch.Tensor = model.get_input_embeddings().weight  # type: ignore[assignment]
        self.vocabulary, self.width = weight.shape
        self.max_positions: int | None = getattr(model.config, "max_position_embeddings", None)

    @torch.inference_mode()
    def losses(self, requests: Sequence[LossRequest]) -> list[np.ndarray]:
        """Per request (n_scored,) float32 negative log-likelihoods in nats, in request order.

        A request with a token id outside the embedding matrix gets NaN losses.
        """
        return [self._losses_of(request) for request in requests]

    def _losses_of(self, request: LossRequest) -> np.ndarray:
        if request.ids.min() < 0 or request.ids.max() >= self.vocabulary:
            return np.full(request.n_scored, np.nan, dtype=np.float32)
        ids = torch.from_numpy(np.asarray(request.ids, dtype=np.int64)).to(self.device)  # (L,)
        embeds = self.model.get_input_embeddings()(ids)  # (L, C)
        if request.noise is not None:
            embeds = embeds + request.noise.values(self.width, self.device)
        positions = torch.arange(len(ids), device=self.device)
        logits = self.model(
            inputs_embeds=embeds[None],
            position_ids=positions[None],
            use_cache=False,
            logits_to_keep=request.n_scored + 1,
        ).logits[0, :-1]  # (n_scored, V)
        targets = ids[-request.n_scored :]
        return F.cross_entropy(logits.float(), targets, reduction="none").cpu().numpy()
