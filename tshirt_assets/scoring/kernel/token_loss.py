"""Per-token losses of a causal language model: the kernel under every score.

IFD, S-IFD and MIWV are all made of -log p(token given context) under different contexts and
embedding perturbations (METHODS.md section 1). A `LossRequest` names one such context; the
engine decides how many of them share a forward pass.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from transformers import PreTrainedModel

from .devices import release, to_device
from .heap import keep_freed_memory
from .memory import Limits, choose_limits
from .noise import CounterNoise, Noise, add_counter_noise, filler
from .packing import Pack, n_fitting
from .precision import resolve_precision
from .schedule import schedule
from .self_test import choose_forward

__all__ = ["LossRequest", "Noise", "PackGradient", "TokenLossEngine"]

logger = logging.getLogger(__name__)

T = TypeVar("T")

_NO_NOISE = "the model takes no perturbed embeddings: it gives clean losses only"


class LossRequest(NamedTuple):
    """Token ids to feed to the model, of which the last `n_scored` are scored."""

    ids: np.ndarray  # (L,) int64
    n_scored: int  # 1 <= n_scored <= L - 1
    noise: Noise | None = None


class PackGradient(NamedTuple):
    """Losses and gradients of the requests that shared a pass, on the engine's device.

    `requests`: their indices. `losses` (S,) float32, in order of the requests. `gradient` (N, C)
    float32, by the embeddings of the pack, where the tokens of each request begin at `starts`.
    """

    requests: list[int]
    starts: tuple[int, ...]
    losses: torch.Tensor
    gradient: torch.Tensor


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
        # Of groups of sequences, where attention cannot take all of a pack in one call.
        self._slack = 0.25 if self.device.type == "cuda" else 0.0
        self._forward = choose_forward(model, resolved, self.device, slack=self._slack)
        self.takes_noise = not self._forward.by_ids
        self._limits, self._gradient_limits = choose_limits(model, self.device, token_budget)
        if self.device.type == "cpu":
            keep_freed_memory()
        filler(self.device)  # chosen at load, not in the middle of a run

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

        losses: list[np.ndarray | None] = [None] * len(requests)
        # Fetched after the last pack: the device never waits for this loop.
        done = list(self._in_packs(requests, self._limits, run, share=True))
        for indices, values in done:
            found, stop = values.cpu().numpy(), 0
            for index in indices:
                start, stop = stop, stop + requests[index].n_scored
                losses[index] = found[start:stop]
        return [
            np.full(request.n_scored, np.nan, dtype=np.float32) if own is None else own
            for request, own in zip(requests, losses, strict=True)
        ]

    def embedding_gradients(
        self, requests: Sequence[LossRequest], coefficients: Sequence[np.ndarray]
    ) -> Iterator[PackGradient]:
        """Gradients of sum_t c_t * loss_t by the (perturbed) input embeddings, pack by pack.

        The requests come in order of falling length, those with a token id that the model lacks
        not at all. Nothing is fetched from the device, and one pack is in memory at a time.

        Args:
            requests: as for `losses`.
            coefficients: per request (n_scored,) float, c_t.

        Raises:
            ValueError: as for `losses`; the model takes no perturbed embeddings.
            torch.OutOfMemoryError: as for `losses`.
        """
        if not self.takes_noise:
            raise ValueError(_NO_NOISE)

        def run(pack: Pack, embeds: torch.Tensor, indices: list[int]) -> PackGradient:
            joined = np.concatenate([coefficients[index] for index in indices])
            weights = to_device(joined.astype(np.float32), self.device)  # (S,)
            found = self._forward.losses_and_gradient(
                embeds,
                pack,
                weights,
                self._gradient_limits.logits,
                recompute=len(embeds) > self._gradient_limits.tokens,
            )
            return PackGradient(indices, pack.starts, *found)

        for _, found in self._in_packs(requests, self._gradient_limits, run, share=False):
            yield found

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
        known, lengths, scored = self._known(requests)
        # In one call attention sees whole sequences only: a beginning is run for each of them.
        share = share and self._forward.name == "packed"
        asked = [requests[index] for index in known.tolist()]
        order, shared = schedule(
            [request.ids for request in asked],
            [share and request.noise is None for request in asked],
        )
        lengths, scored = lengths[order], scored[order]
        # Tokens that each adds to a pass, be it to the layers or to the LM head.
        sizes = np.maximum(lengths - shared, scored)
        at = 0
        while at < len(order):
            # The first of a pack has nothing before it to share.
            first = slice(at, at + 1)
            own = np.concatenate([lengths[first], sizes[at + 1 : at + limits.tokens]])
            part = slice(at, at + n_fitting(own, limits.tokens))
            borrowed = [0, *shared[part].tolist()[1:]]
            indices = known[order[part]].tolist()
            chosen = [requests[index] for index in indices]
            try:
                with torch.no_grad():
                    pack = self._pack(chosen, borrowed)
                    result = run(pack, self._embeds(pack, chosen), indices)
            except torch.OutOfMemoryError:
                if not limits.halve():
                    raise
            else:
                at += len(indices)
                yield indices, result
                continue
            # Outside the handler, where the exception no longer holds the pass's tensors.
            release(self.device)
            logger.warning("out of memory: going on with %d tokens per pass", limits.tokens)

    def _known(self, requests: Sequence[LossRequest]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The requests (K,) all of whose ids the model knows, their lengths and scored tokens.

        Checks what callers must see to.
        """
        lengths = np.array([len(request.ids) for request in requests], dtype=np.int64)
        scored = np.array([request.n_scored for request in requests], dtype=np.int64)
        known = np.arange(len(requests))
        if not requests:
            return known, lengths, scored
        self._check(lengths, scored)
        if not self.takes_noise and any(request.noise is not None for request in requests):
            raise ValueError(_NO_NOISE)
        ids = np.concatenate([request.ids for request in requests])
        bad = np.flatnonzero((ids < 0) | (ids >= self.vocabulary))
        if len(bad):
            unknown = np.searchsorted(np.cumsum(lengths), bad, side="right")
            known = np.setdiff1d(known, unknown)
        return known, lengths[known], scored[known]

    def _check(self, lengths: np.ndarray, scored: np.ndarray) -> None:
        """Raises ValueError for requests that score no or all tokens, or that are too long."""
        wrong = (scored < 1) | (scored >= lengths)
        if wrong.any():
            first = int(wrong.argmax())
            raise ValueError(f"{scored[first]} of {lengths[first]} tokens cannot be scored")
        longest = int(lengths.max())
        if self.max_positions is not None and longest > self.max_positions:
            limit = f"the model has {self.max_positions} positions"
            raise ValueError(f"{longest} tokens, but {limit}")

    def _pack(self, requests: Sequence[LossRequest], shared: Sequence[int]) -> Pack:
        return Pack.of(
            [request.ids for request in requests],
            [request.n_scored for request in requests],
            self.device,
            slack=self._slack,
            shared=shared,
            one_call=self._forward.name == "one call",
        )

    def _embeds(self, pack: Pack, requests: Sequence[LossRequest]) -> torch.Tensor:
        """The pack's perturbed embeddings, (N, C) float32."""
        embeds = self._embedding(pack.ids).float()
        # All tokens of a request are its own: with noise it shares none.
        noisy = [
            (request.noise, start)
            for request, start in zip(requests, pack.starts, strict=True)
            if request.noise is not None
        ]
        counted = [entry for entry in noisy if isinstance(entry[0], CounterNoise)]
        if counted:
            add_counter_noise(embeds, *zip(*counted, strict=True))
        for noise, start in noisy if len(noisy) > len(counted) else ():
            if not isinstance(noise, CounterNoise):
                values = noise.values(self.width, self.device)
                embeds[start : start + len(values)] += values
        return embeds
