"""The noise of `noise` in one kernel, in Triton; imported only on CUDA, where PyTorch brings it.

The products and sums are those of `noise.squares32`, modulo 2**64. No product is followed by a sum
of floats that a compiler could round together with it.
"""

import torch
import triton
import triton.language as tl

from .devices import current

_MOST_COLUMNS = 1024  # of one program


@triton.jit
def _fill(values, keys, rows, scales, width, COLUMNS: tl.constexpr):  # type: ignore[no-untyped-def]
    row = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    key = tl.load(keys + row).to(tl.uint64, bitcast=True)
    counter = (tl.load(rows + row) * width + column).to(tl.uint64, bitcast=True)
    x = counter * key
    y = x
    z = y + key
    x = x * x + y
    x = (x >> 32) | (x << 32)
    x = x * x + z
    x = (x >> 32) | (x << 32)
    x = x * x + y
    x = (x >> 32) | (x << 32)
    bits = ((x * x + z) >> 40).to(tl.int32)  # 24 of them
    value = (bits * 2 - 16777215).to(tl.float32) * tl.load(scales + row)
    tl.store(values + row * width + column, value, mask=column < width)


def fill_at_once(
    values: torch.Tensor, keys: torch.Tensor, rows: torch.Tensor, scales: torch.Tensor
) -> None:
    """A `noise.Fill` by one kernel; `values` must be contiguous."""
    n, width = values.shape
    columns = min(_MOST_COLUMNS, triton.next_power_of_2(width))
    with current(values.device):
        grid = n, triton.cdiv(width, columns)
        _fill[grid](values, keys, rows, scales, width, COLUMNS=columns)
