"""Number formats of token losses: by the option `dtype`, and in the identity of a score.

float32 is one format on every device: a CPU and a CUDA card differ by rounding only, as two CPUs
do. TF32 and the 16-bit formats exist on CUDA alone. Their rounding depends on our kernels too, so
their identity has the version of those, and scores of another version are computed again rather
than mixed.
"""

from typing import Final

CUDA_VERSION: Final = 2
"""Of the numbers that CUDA gives in formats shorter than float32; raise it when they change."""

WANTED: Final = {"auto": "auto", "float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}
"""What the engine is asked for, by the option `dtype`."""

POSSIBLE: Final = {
    "auto": ("fp32", "tf32"),
    "float32": ("fp32",),
    "float16": ("fp16",),
    "bfloat16": ("bf16",),
}
"""What it may answer with, which depends on the device."""


def format_identity(precision: str) -> str:
    """The format (fp32, tf32, fp16, bf16) as it stands in the identity of a score."""
    return precision if precision == "fp32" else f"{precision} {CUDA_VERSION}"
