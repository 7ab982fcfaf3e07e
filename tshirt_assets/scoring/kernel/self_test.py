"""What a loaded model is tested for: that it is causal, what it can be fed, what is fastest.

The measure of everything is `model(input_ids=...)`, the model's own way from ids to logits, on a
few short random sequences.
"""

import logging
from dataclasses import dataclass, replace

import numpy as np
import torch
from transformers import PreTrainedConfig, PreTrainedModel

from .forward import DecoderForward, Forward, LogitsForward
from .packing import Pack
from .precision import Precision

logger = logging.getLogger(__name__)

_LENGTHS = (11, 9, 9, 4)
_TOLERANCE = {"fp32": 1e-4, "fp16": 3e-2, "bf16": 3e-1}  # nats
_NOISE = 0.5  # times the root mean square of the embeddings: no rounding hides its effect


@dataclass(frozen=True)
class _Probe:
    """Random sequences, all tokens of which but the first are scored, and how losses compare.

    The precision is float32 (with half-precision weights: the one asked for), in which a leak
    between tokens, or a head that does something unknown, differs by more than rounding.
    """

    pack: Pack
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
        pack = Pack.of(ids, [length - 1 for length in _LENGTHS], device, slack=slack)
        return _Probe(pack, embedding(pack.ids).float(), vocabulary, exact)

    def losses(self, forward: Forward) -> torch.Tensor:
        """Of the scored tokens, (S,) float32, sequence after sequence."""
        return forward.losses(self.embeds, self.pack, self.pack.n_scored[0] * self.vocabulary)

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
        for packed in (True, False):
            if packed and (reason := _length_dependence(model.config.get_text_config())):
                logger.info("token losses: sequences are not packed: %s", reason)
                continue
            name = "packed" if packed else "separate"
            try:
                candidate = DecoderForward(model, probe.precision, packed=packed, by_ids=by_ids)
                difference = _apart(probe.losses(candidate), expected)
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # whatever an unknown architecture does not support
                logger.info("token losses: %s forward fails: %r", name, error)
                continue
            if probe.equal(difference):
                logger.info("token losses: %s forward in %s", name, precision.name)
                return DecoderForward(model, precision, packed=packed, by_ids=by_ids)
            logger.info("token losses: %s forward is off by %.2g nats", name, difference)
    logger.info("token losses: the model's own logits in %s", precision.name)
    return LogitsForward(model, precision, by_ids=by_ids)


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
