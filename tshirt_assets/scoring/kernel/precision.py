"""Number formats of the forward pass, and which of them a score may be computed in.

The std of S-IFD over neighbours is about 0.02. bfloat16 adds 0.01 of rounding jitter to it and
changes a quarter of the selection; float16 or TF32 matrix products with float32 residual
stream and logits are ten times better (measured). So matrix inputs may be short, while the
embeddings, the residual stream, the LM head's result and the log-softmax stay float32.
"""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch

from .linear import OneDnnLinear, onednn_is_exact

logger = logging.getLogger(__name__)

_ALIASES = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}
_AUTOCAST = {"fp16": torch.float16, "bf16": torch.bfloat16}
_NAMES = ("fp32", "tf32", "fp16", "bf16")


@dataclass(frozen=True, slots=True)
class Precision:
    """One number format: `name` is part of the score identity."""

    name: str  # fp32, tf32, fp16 or bf16
    device_type: str

    @contextmanager
    def matmuls(self) -> Iterator[None]:
        """Inside, float32 matrix products are exact float32, or TF32 unless `name` is fp32."""
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest" if self.name == "fp32" else "high")
        exact_on_cpu = self.name == "fp32" and self.device_type == "cpu"
        try:
            with OneDnnLinear() if exact_on_cpu and onednn_is_exact() else nullcontext():
                yield
        finally:
            torch.set_float32_matmul_precision(before)

    def layers(self) -> AbstractContextManager[object]:
        """Inside, the layers multiply in half precision if `name` says so.

        Autocast over float32 embeddings keeps the residual stream in float32, whether the
        weights are stored in float32 or in half precision.
        """
        if self.short is None:
            return nullcontext()
        return torch.autocast(self.device_type, dtype=self.short)

    @property
    def short(self) -> torch.dtype | None:
        """The 16-bit type of matrix products, if there is one."""
        return _AUTOCAST.get(self.name)

    def types(self) -> tuple[torch.dtype, ...]:
        """The types of numbers that go from layer to layer."""
        return (torch.float32,) if self.short is None else (torch.float32, self.short)


def resolve_precision(wanted: str, device: torch.device, weights: torch.dtype) -> Precision:
    """The format to compute in: `auto`, or one of fp32, tf32, fp16, bf16 (or a dtype's name).

    `auto` follows half-precision weights, and is otherwise fp32 on CPU and tf32 on CUDA.

    Raises:
        ValueError: unknown name; tf32 without CUDA; fp32 or tf32 with half-precision weights;
            half-precision weights on CPU.
    """
    stored = _ALIASES.get(str(weights).removeprefix("torch."), str(weights))
    name = _ALIASES.get(wanted, wanted)
    if name == "auto":
        name = stored if stored != "fp32" else ("tf32" if device.type == "cuda" else "fp32")
    if name not in _NAMES:
        raise ValueError(f"precision {wanted!r} (weights {weights}): use auto or one of {_NAMES}")
    if name == "tf32" and device.type != "cuda":
        raise ValueError("precision tf32 exists on CUDA only: use auto or fp32 on this device")
    if stored != "fp32" and (name in ("fp32", "tf32") or device.type == "cpu"):
        raise ValueError(
            f"the model's weights are {weights}: load it in float32 to compute in {name} on "
            f"{device.type}"
        )
    if name == "bf16":
        logger.warning(
            "bfloat16 rounding is half the size of the spread that robust selection measures: "
            "use fp16, tf32 or fp32 where the robust std matters"
        )
    return Precision(name, device.type)
