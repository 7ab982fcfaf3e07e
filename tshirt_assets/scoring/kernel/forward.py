"""Ways to get token losses out of a causal LM; `self_test` chooses among them.

1. `one call`: the decoder runs once over many concatenated sequences, our LM head follows; a
   layer's attention takes all of them in one call. On CUDA.
2. `packed`: the same with an attention call for each group of sequences of about equal length.
3. `separate`: the decoder runs over one sequence at a time, our LM head follows.
4. `logits`: the model's own logits, one sequence at a time: any model, the slowest.

Each runs on embeddings, which may be perturbed, or on the token ids alone (`by_ids`).
"""

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Literal, Protocol

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from .attention import packed_attention_in
from .fused import Replacement, in_place
from .lm_head import LMHead
from .packing import Pack
from .precision import Precision

_PART_FACTOR = 8

Layout = Literal["one call", "packed", "separate"]


class Forward(Protocol):
    """Losses of the scored tokens of a pack, from its embeddings or its ids."""

    name: str
    by_ids: bool  # the model looks the embeddings up itself; those given are ignored

    def losses(self, embeds: torch.Tensor, pack: Pack, elements: int) -> torch.Tensor:
        """-log p of the S scored tokens, (S,) float32, for embeddings (N, C).

        At most `elements` logits exist at a time.
        """
        ...

    def losses_and_gradient(
        self,
        embeds: torch.Tensor,
        pack: Pack,
        coefficients: torch.Tensor,
        elements: int,
        *,
        recompute: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The losses (S,), and d(sum of coefficients * losses)/d(embeds), (N, C) float32.

        With `recompute`, layers keep their input only and run again in the backward pass. Not
        for a forward `by_ids`, whose embeddings are out of reach.
        """
        ...


class DecoderForward:
    """The decoder over whole packs or over one sequence at a time, then our LM head."""

    def __init__(
        self,
        model: PreTrainedModel,
        precision: Precision,
        layout: Layout,
        *,
        by_ids: bool = False,
        replaced: Sequence[Replacement] = (),
    ) -> None:
        self.name: str = layout
        self.by_ids = by_ids
        self._model = model
        self._decoder = model.get_decoder()
        self._head = LMHead.of(model, precision)
        self._precision = precision
        self._packed = layout != "separate"
        self._replaced = replaced

    def losses(self, embeds: torch.Tensor, pack: Pack, elements: int) -> torch.Tensor:
        """See `Forward`."""
        with self._set_up():
            hidden = self._hidden(embeds, pack)[pack.predicting]
            return self._head.losses(hidden, pack.targets, elements)

    def losses_and_gradient(
        self,
        embeds: torch.Tensor,
        pack: Pack,
        coefficients: torch.Tensor,
        elements: int,
        *,
        recompute: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Forward`. The LM head's gradient is taken by hand, block by block."""
        layers = recomputed(self._decoder, self._precision) if recompute else nullcontext()
        with self._set_up(), frozen(self._model), layers:
            with torch.enable_grad():
                embeds = embeds.detach().requires_grad_()
                hidden = self._hidden(embeds, pack)[pack.predicting]
            losses, upstream = self._head.losses_and_gradient(
                hidden.detach(), pack.targets, coefficients, elements
            )
            (gradient,) = torch.autograd.grad(hidden, embeds, upstream.to(hidden.dtype))
        return losses, gradient

    @contextmanager
    def _set_up(self) -> Iterator[None]:
        """What must hold while layers run, in the backward pass too."""
        packed = packed_attention_in(self._model) if self._packed else nullcontext()
        own = float_embeddings(self._model) if self.by_ids else nullcontext()
        with self._precision.matmuls(), own, packed, in_place(self._replaced):
            yield

    def _hidden(self, embeds: torch.Tensor, pack: Pack) -> torch.Tensor:
        """Last hidden states (N, C) for embeddings (N, C)."""
        with self._precision.layers():
            if self._packed:
                where = {"groups": pack.groups} if pack.spans is None else {"spans": pack.spans}
                positions = pack.positions[None]
                return self._decode(embeds, pack, slice(None), position_ids=positions, **where)
            own = sorted(zip(pack.starts, pack.lengths, strict=True))
            return torch.cat(
                [self._decode(embeds, pack, slice(at, at + length)) for at, length in own]
            )

    def _decode(
        self, embeds: torch.Tensor, pack: Pack, tokens: slice, **kwargs: object
    ) -> torch.Tensor:
        inputs = model_inputs(embeds, pack, tokens, by_ids=self.by_ids)
        return self._decoder(**inputs, use_cache=False, **kwargs).last_hidden_state.squeeze(0)


class LogitsForward:
    """The model as a black box: its own logits, one sequence at a time.

    The logits of a long response are made in parts if the model understands `logits_to_keep`;
    every part repeats the decoder, so parts are larger here than the limit by `_PART_FACTOR`.
    In half precision the logits are rounded to it before the log-softmax.
    """

    name = "logits"

    def __init__(
        self, model: PreTrainedModel, precision: Precision, *, by_ids: bool = False
    ) -> None:
        self.by_ids = by_ids
        self._model = model
        self._precision = precision
        self._vocabulary = model.config.get_text_config().vocab_size
        self._keeps = "logits_to_keep" in inspect.signature(model.forward).parameters

    def losses(self, embeds: torch.Tensor, pack: Pack, elements: int) -> torch.Tensor:
        """See `Forward`."""
        own = float_embeddings(self._model) if self.by_ids else nullcontext()
        with self._precision.matmuls(), own:
            return torch.cat(
                [
                    self._part(
                        model_inputs(embeds, pack, tokens, by_ids=self.by_ids),
                        predicting,
                        pack.targets[scored],
                    )
                    for tokens, predicting, scored in self._parts(pack, elements)
                ]
            )

    def losses_and_gradient(
        self,
        embeds: torch.Tensor,
        pack: Pack,
        coefficients: torch.Tensor,
        elements: int,
        *,
        recompute: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Forward`."""
        gradient = torch.zeros_like(embeds)
        losses = []
        decoder = self._model.get_decoder()
        layers = recomputed(decoder, self._precision) if recompute else nullcontext()
        with self._precision.matmuls(), frozen(self._model), layers, torch.enable_grad():
            for tokens, predicting, scored in self._parts(pack, elements):
                piece = embeds[tokens].detach().requires_grad_()
                inputs = {"inputs_embeds": piece[None]}
                part = self._part(inputs, predicting, pack.targets[scored])
                weighted = (coefficients[scored] * part).sum()
                gradient[tokens] += torch.autograd.grad(weighted, piece)[0]
                losses.append(part.detach())
        return torch.cat(losses), gradient

    def _parts(self, pack: Pack, elements: int) -> Iterator[tuple[slice, torch.Tensor, slice]]:
        """(tokens of a sequence in the pack, predicting tokens in the sequence, their scores)."""
        rows = max(1, _PART_FACTOR * elements // self._vocabulary)
        first = 0
        for start, length, n in zip(pack.starts, pack.lengths, pack.n_scored, strict=True):
            step = rows if self._keeps else n
            for at in range(first, first + n, step):
                scored = slice(at, min(at + step, first + n))
                yield slice(start, start + length), pack.predicting[scored] - start, scored
            first += n

    def _part(
        self,
        inputs: dict[str, torch.Tensor],
        predicting: torch.Tensor,
        targets: torch.Tensor,
    ) -> torch.Tensor:
        keep = {"logits_to_keep": predicting} if self._keeps else {}
        with self._precision.layers():
            logits = self._model(**inputs, use_cache=False, **keep).logits[0]
        logits = logits if self._keeps else logits[predicting]  # (n, V)
        return F.cross_entropy(logits.float(), targets, reduction="none")


def model_inputs(
    embeds: torch.Tensor, pack: Pack, tokens: slice, *, by_ids: bool
) -> dict[str, torch.Tensor]:
    """What the model is called with for these tokens of a pack: their ids, or embeddings."""
    if by_ids:
        return {"input_ids": pack.ids[tokens][None]}
    return {"inputs_embeds": embeds[tokens].unsqueeze(0)}


@contextmanager
def float_embeddings(model: PreTrainedModel) -> Iterator[None]:
    """Inside, the model embeds ids in float32, the type of the embeddings that it is given."""
    embedding = model.get_input_embeddings()
    hook = embedding.register_forward_hook(lambda module, args, output: output.float())
    try:
        yield
    finally:
        hook.remove()


@contextmanager
def frozen(model: PreTrainedModel) -> Iterator[None]:
    """Inside, no weight wants a gradient, so that nothing is kept for one."""
    wanting = [weight for weight in model.parameters() if weight.requires_grad]
    for weight in wanting:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in wanting:
            weight.requires_grad_(True)


@contextmanager
def recomputed(decoder: torch.nn.Module, precision: Precision) -> Iterator[None]:
    """Inside, the decoder's layers keep nothing but their input for the backward pass."""

    def run(forward: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        # autograd.grad leaves function modes, so the second run sets up its own.
        return checkpoint(
            forward,
            *args,
            use_reentrant=False,
            context_fn=lambda: (nullcontext(), precision.matmuls()),
            **kwargs,
        )

    blocks = (child for child in decoder.children() if isinstance(child, torch.nn.ModuleList))
    layers = list(next(blocks, ()))
    own = [vars(layer).get("forward") for layer in layers]
    for layer in layers:
        layer.forward = functools.partial(run, layer.forward)
    try:
        yield
    finally:
        for layer, forward in zip(layers, own, strict=True):
            del layer.forward
            if forward is not None:
                layer.forward = forward
