"""Parts of a model that one CUDA kernel can do, found by what they compute and not by their names.

A module without children is run on random numbers, on the device and in the precision that will be
used, and so is what might take its place; only where both give the same is it replaced, and only
while the model runs for us: to everyone else it stays as it is.
"""

import functools
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from transformers import PreTrainedModel

from .precision import Precision

logger = logging.getLogger(__name__)

_ROWS, _WIDTH = 12, 64  # of the random numbers
_SCALES = (0.1, 1.0, 10.0)
# Relative to the greatest value: the rounding of a few operations in the type of the numbers.
_TOLERANCE = {torch.float32: 2e-6, torch.float16: 3e-3, torch.bfloat16: 2e-2}
_ROTARY = "apply_rotary_pos_emb"  # what transformers calls it in every file that has one


@dataclass(frozen=True, slots=True)
class Replacement:
    """A function that takes the place of `holder[name]`, and what it is, for the log."""

    holder: dict[str, Any]
    name: str
    function: Callable[..., Any]
    kind: str


def replacements(model: PreTrainedModel, precision: Precision) -> tuple[Replacement, ...]:
    """What one kernel can do in this model's decoder, in this precision."""
    found = []
    with torch.no_grad(), precision.matmuls(), precision.layers():
        for module in model.get_decoder().modules():
            if next(module.children(), None) is None:
                found += _of_module(module, precision)
        found += _of_rotary(model, precision)
    count = Counter(replacement.kind for replacement in found)
    listed = ", ".join(f"{number} {kind}" for kind, number in count.items())
    logger.info("token losses: run by fused kernels: %s", listed or "nothing, the model as it is")
    return tuple(found)


@contextmanager
def in_place(replaced: Sequence[Replacement]) -> Iterator[None]:
    """Inside, the replacements are in their places."""
    missing = object()
    before = [entry.holder.get(entry.name, missing) for entry in replaced]
    for entry in replaced:
        entry.holder[entry.name] = entry.function
    try:
        yield
    finally:
        for entry, own in zip(replaced, before, strict=True):
            if own is missing:
                del entry.holder[entry.name]
            else:
                entry.holder[entry.name] = own


def _of_module(module: torch.nn.Module, precision: Precision) -> list[Replacement]:
    """The module's replacement, if it has one."""
    weights = dict(module.named_parameters())
    forms: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {}
    if list(weights) == ["weight"] and weights["weight"].dim() == 1:
        eps = getattr(module, "variance_epsilon", getattr(module, "eps", None))
        width = len(weights["weight"])
        forms = {
            "RMSNorm": functools.partial(_rms_norm, module, 0.0, eps),
            "RMSNorm of 1 + weight": functools.partial(_rms_norm, module, 1.0, eps),
        }
    elif not weights and next(module.buffers(), None) is None:
        width, forms = _WIDTH, {"GELU": functools.partial(F.gelu, approximate="tanh")}
    for kind, form in forms.items():
        if _alike(module, form, width, precision):
            return [Replacement(vars(module), "forward", form, kind)]
    return []


def _rms_norm(
    module: torch.nn.Module, offset: float, eps: float | None, x: torch.Tensor
) -> torch.Tensor:
    weight: torch.Tensor = module.weight.to(x.dtype)  # type: ignore[assignment,operator]
    return F.rms_norm(x, weight.shape, weight + offset if offset else weight, eps)


def _alike(
    one: Callable[[torch.Tensor], Any],
    other: Callable[[torch.Tensor], torch.Tensor],
    width: int,
    precision: Precision,
) -> bool:
    """Whether two functions give the same for random numbers (N, width) of each type and scale."""
    try:
        for dtype in precision.types():
            for scale in _SCALES:
                x = scale * _random((1, _ROWS, width), dtype, precision)
                if not _near(one(x), other(x), dtype):
                    return False
    except torch.OutOfMemoryError:
        raise
    except Exception:  # whatever a module does that is given something unexpected
        return False
    return True


def _near(one: Any, other: torch.Tensor, dtype: torch.dtype) -> bool:
    if not isinstance(one, torch.Tensor) or one.shape != other.shape:
        return False
    difference = (one.float() - other.float()).abs().max()
    return bool(difference <= _TOLERANCE[dtype] * one.float().abs().max())


def _random(shape: tuple[int, ...], dtype: torch.dtype, precision: Precision) -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=draw).to(precision.device_type, dtype)


def _of_rotary(model: PreTrainedModel, precision: Precision) -> list[Replacement]:
    """The rotation of queries and keys in the files of the model's layers."""
    found = []
    scopes = {
        id(scope): scope
        for module in model.get_decoder().modules()
        if _ROTARY in (scope := getattr(type(module).forward, "__globals__", {}))
    }
    for scope in scopes.values():
        if _rotates(scope[_ROTARY], precision):
            found.append(Replacement(scope, _ROTARY, rotate, "rotary embedding"))
    return found


def _rotates(own: Callable[..., Any], precision: Precision) -> bool:
    """Whether `rotate` gives what the model's own function gives."""
    try:
        for dtype in precision.types():
            query = _random((1, 3, _ROWS, _WIDTH), dtype, precision)
            key = _random((1, 1, _ROWS, _WIDTH), dtype, precision)
            angle = _random((1, _ROWS, _WIDTH), torch.float32, precision)
            arguments = query, key, angle.cos(), angle.sin()
            pairs = zip(own(*arguments), rotate(*arguments), strict=True)
            if not all(_near(one, other, dtype) for one, other in pairs):
                return False
    except torch.OutOfMemoryError:
        raise
    except Exception:
        return False
    return True


def rotate(
    query: torch.Tensor,
    key: torch.Tensor,
    cos: torch.Tensor,
    sin: torch.Tensor,
    unsqueeze_dim: int = 1,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rotary embedding of query and key (B, H, N, D) by angles (B, N, D), half against half."""
    cos, sin = cos.unsqueeze(unsqueeze_dim), sin.unsqueeze(unsqueeze_dim)
    turned = (_Rotation.apply(states, cos, sin) for states in (query, key))
    return next(turned), next(turned)


class _Rotation(torch.autograd.Function):
    """x cos + (-x2, x1) sin for x = (x1, x2), and its transpose; angles get no gradient."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(cos, sin)
        half = x.shape[-1] // 2
        turned = x * cos
        turned[..., :half].addcmul_(x[..., half:], sin[..., :half], value=-1)
        turned[..., half:].addcmul_(x[..., :half], sin[..., half:])
        return turned

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (gradient,), (cos, sin) = gradients, ctx.saved_tensors
        half = gradient.shape[-1] // 2
        turned = gradient * cos
        turned[..., :half].addcmul_(gradient[..., half:], sin[..., half:])
        turned[..., half:].addcmul_(gradient[..., :half], sin[..., :half], value=-1)
        return turned, None, None
