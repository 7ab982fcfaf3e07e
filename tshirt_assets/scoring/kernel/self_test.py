"""What a loaded model is tested for: that it is causal, what it can be fed, what is fastest.

The measure of everything is `model(input_ids=...)`, the model's own way from ids to logits, on a
few short random sequences.
"""

import functools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from transformers import PreTrainedConfig, PreTrainedModel

from .forward import DecoderForward, Forward, Layout, LogitsForward
from .fused import Replacement, replacements
from .packing import Pack, Spans
from .precision import Precision

logger = logging.getLogger(__name__)

_LENGTHS = (11, 9, 9, 4)
_TOLERANCE = {"fp32": 1e-4, "tf32": 3e-2, "fp16": 3e-2, "bf16": 3e-1}  # nats
_NOISE = 0.5  # times the root mean square of the embeddings: no rounding hides its effect


@dataclass(frozen=True)
class _Probe:
    """Random sequences, all tokens of which but the first are scored, and how losses compare.

    The precision is float32 (with half-precision weights: the one asked for), in which a leak
    between tokens, or a head that does something unknown, differs by more than rounding.
    """

    pack: Pack
    spans: Spans | None  # of the pack, for attention in one call
    embeds: torch.Tensor  # (N, C) float32
    vocabulary: int
    precision: Precision

    @staticmethod
    def of(
        model: PreTrainedModel, precision: Precision, device: torch.device, slack: float
    ) -> "_Probe":
        embedding = model.get_input_embeddings()
        weight: torch.Tensor = embedding.weight  # type: ignore[assignment]
        exact = Precision("fp32", device.type) if weight.dtype == torch.float32 else precision
        head = getattr(model.get_output_embeddings(), "weight", weight)
        vocabulary = min(len(weight), len(head), model.config.get_text_config().vocab_size)
        draw = np.random.default_rng(0)
        ids = [draw.integers(0, vocabulary, length) for length in _LENGTHS]
        n_scored = [length - 1 for length in _LENGTHS]
        pack = Pack.of(ids, n_scored, device, slack=slack)
        spans = Pack.of(ids, n_scored, device, one_call=True).spans
        return _Probe(pack, spans, embedding(pack.ids).float(), vocabulary, exact)

    def losses(self, forward: Forward) -> torch.Tensor:
        """Of the scored tokens, (S,) float32, sequence after sequence."""
        return forward.losses(self.embeds, self._pack_for(forward), self._elements)

    def gradient(self, forward: Forward) -> torch.Tensor:
        """Of the sum of the losses by the embeddings, (N, C) float32."""
        pack = self._pack_for(forward)
        ones = torch.ones(len(pack.targets), device=pack.targets.device)
        _, gradient = forward.losses_and_gradient(
            self.embeds, pack, ones, self._elements, recompute=False
        )
        return gradient

    def _pack_for(self, forward: Forward) -> Pack:
        return replace(self.pack, spans=self.spans) if forward.name == "one call" else self.pack

    @property
    def _elements(self) -> int:
        return self.pack.n_scored[0] * self.vocabulary

    def in_precision(self, precision: Precision) -> "_Probe":
        """The same, compared in another number format."""
        return replace(self, precision=precision)

    def with_other_ends(self) -> "_Probe":
        """Another last token in every sequence; what is scored stays."""
        ends = zip(self.pack.starts, self.pack.lengths, strict=True)
        last = [start + length - 1 for start, length in ends]
        ids = self.pack.ids.clone()
        ids[last] = (ids[last] + 1) % self.vocabulary
        return replace(self, pack=replace(self.pack, ids=ids))

    def with_noise(self) -> "_Probe":
        """The embeddings perturbed."""
        draw = torch.Generator().manual_seed(0)
        noise = torch.randn(self.embeds.shape, generator=draw).to(self.embeds.device)
        scale = _NOISE * self.embeds.square().mean().sqrt()
        return replace(self, embeds=self.embeds + scale * noise)

    def equal(self, difference: float) -> bool:
        """Whether rounding explains a difference in nats; never that of a NaN."""
        return difference <= _TOLERANCE[self.precision.name]


def choose_forward(
    model: PreTrainedModel, precision: Precision, device: torch.device, *, slack: float
) -> Forward:
    """The fastest way that gives the model's own losses, from embeddings if it can take them.

    Raises:
        ValueError: the model fails on token ids, gives no numbers, or is not causal.
    """
    with torch.no_grad():
        probe = _Probe.of(model, precision, device, slack)
        expected = _own_losses(model, probe)
        by_ids = (reason := _against_embeddings(model, probe, expected)) is not None
        if by_ids:
            logger.info("token losses: from token ids alone, never with noise: %s", reason)
        trial = _Trial(model, precision, probe, expected, by_ids)
        faster = replacements(model, precision)
        for layout in _layouts(model, device):
            for replaced in (faster, ()) if faster else ((),):
                if (forward := trial.passed(layout, replaced)) is not None:
                    return forward
    logger.info("token losses: the model's own logits in %s", precision.name)
    return LogitsForward(model, precision, by_ids=by_ids)


def _layouts(model: PreTrainedModel, device: torch.device) -> Iterator[Layout]:
    """Ways to lay sequences out for the decoder, the fastest first."""
    if reason := _length_dependence(model.config.get_text_config()):
        logger.info("token losses: sequences are not packed: %s", reason)
    else:
        if device.type == "cuda":
            yield "one call"
        yield "packed"
    yield "separate"


class _Trial:
    """Puts ways to run the decoder to the test: exactly, then in the format that will be used.

    There a way may be off by rounding, or by twice what the model's own code is off in it.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        precision: Precision,
        probe: _Probe,
        expected: torch.Tensor,
        by_ids: bool,
    ) -> None:
        self._model, self._precision, self._by_ids = model, precision, by_ids
        self._probe, self._expected = probe, expected
        self._own_error = 0.0
        if precision != probe.precision:
            own = _own_losses(model, probe.in_precision(precision))
            self._own_error = _apart(own, expected)

    def passed(self, layout: Layout, replaced: Sequence[Replacement]) -> Forward | None:
        """The way in the format that will be used, or None where it does not pass."""
        name = f"{layout} forward" + (" with faster parts" if replaced else "")
        for precision in dict.fromkeys([self._probe.precision, self._precision]):
            forward = DecoderForward(
                self._model, precision, layout, by_ids=self._by_ids, replaced=replaced
            )
            probe = self._probe.in_precision(precision)
            try:
                difference = _apart(probe.losses(forward), self._expected)
                # PyTorch's own attention and the model's own modules have a backward pass.
                if not self._by_ids and (replaced or layout == "one call"):
                    difference = _worse(difference, self._gradient_difference(probe, forward))
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # whatever an unknown architecture does not support
                logger.info("token losses: %s fails: %r", name, error)
                return None
            own_error = self._own_error if precision == self._precision else 0.0
            if not (probe.equal(difference) or difference <= 2 * own_error):
                logger.info(
                    "token losses: %s is off by %.2g nats in %s", name, difference, precision.name
                )
                return None
        logger.info("token losses: %s forward in %s", layout, self._precision.name)
        return forward

    def _gradient_difference(self, probe: _Probe, forward: Forward) -> float:
        """How far the gradient is from that of the model's own code, relative to its greatest."""
        expected = probe.gradient(self._own_forward)
        found = probe.gradient(forward)
        return ((found - expected).abs().max() / expected.abs().max()).item()

    @functools.cached_property
    def _own_forward(self) -> Forward:
        return LogitsForward(self._model, self._probe.precision)


def _own_losses(model: PreTrainedModel, probe: _Probe) -> torch.Tensor:
    """The losses (S,) of the model's own forward from ids, if it is fit to give any."""
    own = LogitsForward(model, probe.precision, by_ids=True)
    try:
        losses = probe.losses(own)
        leak = _apart(losses, probe.with_other_ends().losses(own))
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        raise ValueError(f"its forward pass fails on token ids: {error!r}") from error
    if losses.isnan().any():
        raise ValueError(
            f"its losses in {probe.precision.name} are not numbers: the weights are damaged, or "
            "too large for that number format"
        )
    if not probe.equal(leak):
        raise ValueError(
            f"it is not causal: another last token changes earlier losses by {leak:.2g} nats; "
            "choose a model that predicts the next token"
        )
    return losses


def _against_embeddings(
    model: PreTrainedModel, probe: _Probe, expected: torch.Tensor
) -> str | None:
    """Why the model cannot be fed (perturbed) embeddings in place of ids, if so."""
    fed = LogitsForward(model, probe.precision)
    try:
        difference = _apart(probe.losses(fed), expected)
        if not probe.equal(difference):
            return f"the model's losses from embeddings are off by {difference:.2g} nats"
        moved = _apart(probe.with_noise().losses(fed), expected)
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # whatever an unknown architecture does not support
        return f"the model fails on perturbed embeddings: {error!r}"
    return None if moved > 0 else "the model ignores or cannot bear a change of its embeddings"


def _apart(one: torch.Tensor, other: torch.Tensor) -> float:
    """The greatest difference in nats; NaN where either has one, 0 for equal infinities."""
    return torch.where(one == other, 0.0, (one - other).abs()).max().item()


def _worse(one: float, other: float) -> float:
    """The greater of two; NaN where either is."""
    return float(np.maximum(one, other))


def _length_dependence(config: PreTrainedConfig) -> str | None:
    """Why short sequences cannot show that packing is exact, if so."""
    rope = getattr(config, "rope_parameters", None) or {}
    for parameters in (rope, *(part for part in rope.values() if isinstance(part, dict))):
        if parameters.get("rope_type") in ("dynamic", "longrope"):
            return f"rotary frequencies ({parameters['rope_type']}) follow the longest sequence"
    unknown = set(getattr(config, "layer_types", None) or ()) - {
        "full_attention",
        "sliding_attention",
    }
    return f"layers of type {', '.join(sorted(unknown))}" if unknown else None
