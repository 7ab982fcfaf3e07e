"""Per-token losses of a causal language model: the kernel under every score.

IFD, S-IFD and MIWV are all made of -log p(token given context) under different contexts and
embedding perturbations (METHODS.md section 1). A `LossRequest` names one such context; the
engine decides how many of them share a forward pass.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from transformers import PreTrainedModel

from .memory import Limits, choose_limits
from .noise import CounterNoise, Noise, counter_noise
from .packing import Pack, n_fitting, to_device
from .precision import resolve_precision
from .schedule import schedule
from .self_test import choose_forward

__all__ = ["LossRequest", "Noise", "TokenLossEngine"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

_NO_NOISE = "the model takes no perturbed embeddings: it gives clean losses only"


@dataclass(frozen=True, slots=True)
class LossRequest:
    """Token ids to feed to the model, of which the last `n_scored` are scored."""

    ids: np.ndarray  # (L,) int64
    n_scored: int  # 1 <= n_scored <= L - 1
    noise: Noise | None = None


class TokenLossEngine:
    """Token losses of a causal LM that is loaded and in eval mode.

    Losses do not depend on the order or company of the requests (within 2e-5 nats in fp32).
    Noise is added to what the embedding module gives: behind the scaling in Gemma's, but in front
    of one that the decoder applies to its input (Granite's `embedding_multiplier`).

    Args:
        model: any Hugging Face causal LM. One that does not give its own losses from
            (perturbed) `inputs_embeds` gives clean losses only: `takes_noise` is False.
        precision: `auto` or a name that `resolve_precision` knows.
        token_budget: tokens per forward pass; chosen from the model's size and the free memory
            if None. A longer request gets a pass of its own.

    Raises:
        ValueError: the model is in training mode, cannot compute in that precision, or fails
            the self-test: it is not causal, or gives no numbers.
    """

    def __init__(
        self, model: PreTrainedModel, *, precision: str = "auto", token_budget: int | None = None
    ) -> None:
        if model.training:
            raise ValueError("the model is in training mode: call model.eval() first")
        self._embedding = model.get_input_embeddings()
        weight: torch.Tensor = self._embedding.weight  # type: ignore[assignment]
        head = getattr(model.get_output_embeddings(), "weight", weight)
        self.vocabulary = min(len(weight), len(head))
        self.width = weight.shape[1]
        self.device = weight.device
        resolved = resolve_precision(precision, self.device, weight.dtype)
        self.precision = resolved.name
        self.max_positions: int | None = getattr(
            model.config.get_text_config(), "max_position_embeddings", None
        )
        self._slack = 0.25 if self.device.type == "cuda" else 0.0
        self._forward = choose_forward(model, resolved, self.device, slack=self._slack)
        self.takes_noise = not self._forward.by_ids
        self._limits, self._gradient_limits = choose_limits(model, self.device, token_budget)

    def losses(self, requests: Sequence[LossRequest]) -> list[np.ndarray]:
        """Per request (n_scored,) float32 negative log-likelihoods in nats, in request order.

        A request with a token id that the embedding matrix or the LM head lacks gets NaN losses.

        Raises:
            ValueError: a request that is too long for the model, scores no or all tokens, or has
                noise that the model cannot take.
            torch.OutOfMemoryError: even one request does not fit.
        """

        def run(pack: Pack, embeds: torch.Tensor, indices: list[int]) -> torch.Tensor:
            return self._forward.losses(embeds, pack, self._limits.logits)

        losses = [np.full(request.n_scored, np.nan, dtype=np.float32) for request in requests]
        # Fetched after the last pack: the device never waits for this loop.
        done = list(self._in_packs(requests, self._limits, run, share=True))
        for indices, values in done:
            parts = np.split(values.cpu().numpy(), _ends(requests, indices))
            for index, part in zip(indices, parts, strict=True):
                losses[index] = part
        return losses

    def embedding_gradients(
        self, requests: Sequence[LossRequest], coefficients: Sequence[np.ndarray]
    ) -> Iterator[tuple[int, np.ndarray, torch.Tensor]]:
        """Gradients of sum_t c_t * loss_t by the (perturbed) input embeddings, per request.

        Args:
            requests: as for `losses`.
            coefficients: per request (n_scored,) float, c_t.

        Yields:
            (index of the request, its losses (n_scored,) float32, gradient (L, C) float32 on
            the engine's device), in order of falling length, one pack in memory at a time.
            Requests with a token id that the model lacks are left out.

        Raises:
            ValueError: as for `losses`; the model takes no perturbed embeddings.
            torch.OutOfMemoryError: as for `losses`.
        """
        if not self.takes_noise:
            raise ValueError(_NO_NOISE)

        def run(
            pack: Pack, embeds: torch.Tensor, indices: list[int]
        ) -> tuple[torch.Tensor, torch.Tensor]:
            joined = np.concatenate([coefficients[index] for index in indices])
            weights = to_device(joined.astype(np.float32), self.device)  # (S,)
            return self._forward.losses_and_gradient(
                embeds,
                pack,
                weights,
                self._gradient_limits.logits,
                recompute=len(embeds) > self._gradient_limits.tokens,
            )

        passes = self._in_packs(requests, self._gradient_limits, run, share=False)
        for indices, (values, gradient) in passes:
            losses = np.split(values.cpu().numpy(), _ends(requests, indices))
            lengths = [len(requests[index].ids) for index in indices]
            yield from zip(indices, losses, gradient.split(lengths), strict=True)

    def _in_packs(
        self,
        requests: Sequence[LossRequest],
        limits: Limits,
        run: Callable[[Pack, torch.Tensor, list[int]], T],
        *,
        share: bool,
    ) -> Iterator[tuple[list[int], T]]:
        """Call run(pack, embeds, indices of its requests) for packs that hold all the requests.

        With `share`, requests without noise may run a common beginning once.
        """
        known = [index for index, request in enumerate(requests) if self._knows_ids(request)]
        share = share and self._forward.name == "packed"
        order = schedule(
            [requests[index].ids for index in known],
            [share and requests[index].noise is None for index in known],
        )
        at = 0
        while at < len(order):
            # The first of a pack has nothing before it to share.
            rest = [order[at]._replace(shared=0), *order[at + 1 :]]
            sizes = (_n_computed(requests[known[i]], shared) for i, shared in rest)
            entries = rest[: n_fitting(sizes, limits.tokens)]
            indices = [known[entry.sequence] for entry in entries]
            chosen = [requests[index] for index in indices]
            try:
                with torch.no_grad():
                    pack = self._pack(chosen, [entry.shared for entry in entries])
                    result = run(pack, self._embeds(pack, chosen), indices)
            except torch.OutOfMemoryError:
                if not limits.halve():
                    raise
            else:
                at += len(indices)
                yield indices, result
                continue
            # Outside the handler, where the exception no longer holds the pass's tensors.
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            logger.warning("out of memory: going on with %d tokens per pass", limits.tokens)

    def _knows_ids(self, request: LossRequest) -> bool:
        """Whether the model knows every id, after checking what the caller must see to."""
        length = len(request.ids)
        if not 1 <= request.n_scored < length:
            raise ValueError(f"{request.n_scored} of {length} tokens cannot be scored")
        if self.max_positions is not None and length > self.max_positions:
            raise ValueError(f"{length} tokens, but the model has {self.max_positions} positions")
        if request.noise is not None and not self.takes_noise:
            raise ValueError(_NO_NOISE)
        return bool(request.ids.min() >= 0 and request.ids.max() < self.vocabulary)

    def _pack(self, requests: Sequence[LossRequest], shared: Sequence[int]) -> Pack:
        return Pack.of(
            [request.ids for request in requests],
            [request.n_scored for request in requests],
            self.device,
            slack=self._slack,
            shared=shared,
        )

    def _embeds(self, pack: Pack, requests: Sequence[LossRequest]) -> torch.Tensor:
        """The pack's perturbed embeddings, (N, C) float32."""
        embeds = self._embedding(pack.ids).float()
        counters, places = [], []
        for request, start in zip(requests, pack.starts, strict=True):
            stop = start + len(request.ids)  # all its own: with noise a request shares nothing
            if isinstance(request.noise, CounterNoise):
                counters.append(request.noise)
                places.append(np.arange(start, stop))
            elif request.noise is not None:
                embeds[start:stop] += request.noise.values(self.width, self.device)
        if counters:
            rows = to_device(np.concatenate(places), self.device)
            embeds.index_add_(0, rows, counter_noise(counters, self.width, self.device))
        return embeds


def _n_computed(request: LossRequest, shared: int) -> int:
    """Tokens that a request adds to a pass, be it to the layers or to the LM head."""
    return max(len(request.ids) - shared, request.n_scored)


def _ends(requests: Sequence[LossRequest], indices: Sequence[int]) -> np.ndarray:
    """Where the losses of each request end but the last, for np.split."""
    return np.cumsum([requests[index].n_scored for index in indices])[:-1]
