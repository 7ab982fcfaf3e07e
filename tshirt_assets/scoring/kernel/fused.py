"""Parts of a model that can be done faster, found by what they compute and not by their names.

A module without children is run on random numbers, on the device and in the precision that will be
used, and so is what might take its place; only where both give the same is it replaced, and only
while the model runs for us: to everyone else it stays as it is.

One kernel does what the model does in several, and rounds a little differently.
"""

import functools
import logging
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from transformers import PreTrainedModel

from .precision import Precision
from .rotary import rotate

logger = logging.getLogger(__name__)

_ROWS, _WIDTH = 24, 64  # of the random numbers
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


@dataclass(frozen=True, slots=True)
class _Setting:
    """What replacements are tried with."""

    types: tuple[torch.dtype, ...]  # of the numbers that go from layer to layer
    device: torch.device
    kernels: Any  # the module `layer_kernel`, None where it cannot be used

    def random(self, dtype: torch.dtype, *shape: int) -> torch.Tensor:
        draw = torch.Generator().manual_seed(0)
        return torch.randn(shape, generator=draw).to(self.device, dtype)


def replacements(model: PreTrainedModel, precision: Precision) -> tuple[Replacement, ...]:
    """What can be done faster in this model's decoder, in this precision."""
    weight: torch.Tensor = model.get_input_embeddings().weight  # type: ignore[assignment]
    kernels = _kernels(weight.device)
    setting = _Setting(precision.types(), weight.device, kernels)
    found: list[Replacement] = []
    with torch.no_grad(), precision.matmuls(), precision.layers():
        for module in model.get_decoder().modules():
            if next(module.children(), None) is None:
                found += _of_leaf(module, setting)
            elif kernels is not None:
                found += _of_gated(module, setting)
        found += _of_rotary(model, setting)
    count = Counter(replacement.kind for replacement in found)
    listed = ", ".join(f"{number} {kind}" for kind, number in count.items())
    logger.info("token losses: done faster: %s", listed or "no module, the model runs as it is")
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


def _kernels(device: torch.device) -> Any:
    if device.type != "cuda":
        return None
    try:
        from . import layer_kernel
    except Exception as error:  # no Triton
        logger.info("layers: no kernels of ours, because Triton cannot be used: %r", error)
        return None
    return layer_kernel


def _of_leaf(module: torch.nn.Module, setting: _Setting) -> list[Replacement]:
    """The module's replacement, if it has one."""
    weights = dict(module.named_parameters())
    width = _WIDTH
    forms: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {}
    if list(weights) == ["weight"] and weights["weight"].dim() == 1:
        width = len(weights["weight"])
        eps = getattr(module, "variance_epsilon", getattr(module, "eps", None))
        forms["RMSNorm"] = functools.partial(_rms_norm, module, 0.0, eps)
        forms["RMSNorm of 1 + weight"] = functools.partial(_rms_norm, module, 1.0, eps)
    elif not weights and next(module.buffers(), None) is None:
        forms["GELU"] = tanh_gelu
    for kind, form in forms.items():
        if _alike(module, form, width, setting):
            return [Replacement(vars(module), "forward", form, kind)]
    return []


def _of_gated(module: torch.nn.Module, setting: _Setting) -> list[Replacement]:
    """The replacement of a feed-forward part: two linear layers side by side, one behind them."""
    linear = [child for child in module.children() if isinstance(child, torch.nn.Linear)]
    if len(linear) != 3:
        return []
    shapes = [(child.in_features, child.out_features) for child in linear]
    behind = next((i for i in range(3) if shapes.count(shapes[i]) == 1), None)
    if behind is None or shapes[behind] != shapes[behind - 1][::-1]:
        return []
    down = linear.pop(behind)
    gated = setting.kernels.gated
    for gate, up in (linear, linear[::-1]):

        def form(
            x: torch.Tensor, gate: torch.nn.Module = gate, up: torch.nn.Module = up
        ) -> torch.Tensor:
            product: torch.Tensor = down(gated(gate(x), up(x)))
            return product

        # In TF32 one bit in front of the last product would change many behind it.
        with Precision("fp32", setting.device.type).matmuls():
            if _alike(module, form, down.out_features, setting):
                return [Replacement(vars(module), "forward", form, "SwiGLU")]
    return []


def tanh_gelu(x: torch.Tensor) -> torch.Tensor:
    """x/2 (1 + tanh u) for u = sqrt(2/pi) (x + 0.044715 x^3), in one kernel; on CPU without tanh.

    The same is x times the sigmoid of 2u: PyTorch's sigmoid takes a third of the time of its tanh.
    """
    wants_gradient = torch.is_grad_enabled() and x.requires_grad
    if wants_gradient or x.device.type != "cpu" or x.dtype != torch.float32:
        return F.gelu(x, approximate="tanh")
    slope = 2.0 * math.sqrt(2.0 / math.pi)
    twice = torch.addcmul(x.new_tensor(slope), x, x, value=slope * 0.044715)  # 2u / x
    return twice.mul_(x).sigmoid_().mul_(x)


def _rms_norm(
    module: torch.nn.Module, offset: float, eps: float | None, x: torch.Tensor
) -> torch.Tensor:
    weight: torch.Tensor = module.weight.to(x.dtype)  # type: ignore[assignment,operator]
    return F.rms_norm(x, weight.shape, weight + offset if offset else weight, eps)


def _alike(
    one: Callable[[torch.Tensor], Any],
    other: Callable[[torch.Tensor], torch.Tensor],
    width: int,
    setting: _Setting,
) -> bool:
    """Whether two functions give the same for random numbers (1, N, width) of each type."""
    try:
        for dtype in setting.types:
            for scale in _SCALES:
                x = scale * setting.random(dtype, 1, _ROWS, width)
                results = one(x), other(x)
                if not _near(*results, dtype):
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


def _of_rotary(model: PreTrainedModel, setting: _Setting) -> list[Replacement]:
    """The rotation of queries and keys in the files of the model's layers."""
    found = []
    scopes = {
        id(scope): scope
        for module in model.get_decoder().modules()
        if _ROTARY in (scope := getattr(type(module).forward, "__globals__", {}))
    }
    for scope in scopes.values():
        at_once = [] if setting.kernels is None else [setting.kernels.rotate]
        for form in (*at_once, rotate):
            if _rotates(scope[_ROTARY], form, setting):
                found.append(Replacement(scope, _ROTARY, form, "rotary embedding"))
                break
    return found


def _rotates(own: Callable[..., Any], form: Callable[..., Any], setting: _Setting) -> bool:
    """Whether a form of it gives what the model's own function gives."""
    try:
        for dtype in setting.types:
            query = setting.random(dtype, 1, 3, _ROWS, _WIDTH)
            key = setting.random(dtype, 1, 1, _ROWS, _WIDTH)
            angle = setting.random(torch.float32, 1, _ROWS, _WIDTH)
            arguments = query, key, angle.cos(), angle.sin()
            pairs = zip(own(*arguments), form(*arguments), strict=True)
            if not all(_near(one, other, dtype) for one, other in pairs):
                return False
    except torch.OutOfMemoryError:
        raise
    except Exception:
        return False
    return True
