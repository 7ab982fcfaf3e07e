"""The device that an option names, and what must be said to CUDA so that no other card is touched.

Much of CUDA goes to the *current* device, card 0 unless told otherwise: pinned memory, emptying the
cache and Triton's kernels would each open a context of some hundred MiB there, on a card that may
belong to someone else. `CUDA_VISIBLE_DEVICES` and MIG slices need no care: CUDA shows what they
leave as its only cards, numbered from 0.
"""

from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch


def torch_device(name: str) -> torch.device:
    """The device of an option: `auto` is CUDA where present, `cuda` its first card.

    Raises:
        ValueError: there is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ValueError(f"device {name!r}: use auto, cpu, cuda or cuda:NUMBER") from error
    if device.type != "cuda":
        return device
    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    number = device.index or 0
    if number >= cards:
        seen = f"{cards} CUDA device{'s' if cards != 1 else ''}" if cards else "no CUDA device"
        raise ValueError(f"device {name!r}: {seen} can be seen here; use auto or cpu")
    return torch.device("cuda", number)


def current(device: torch.device) -> AbstractContextManager[object]:
    """Inside, what CUDA does without naming a device is done on this one."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def to_device(values: np.ndarray, device: torch.device) -> torch.Tensor:
    """The array on the device; onto CUDA without waiting for the work already queued there."""
    tensor = torch.from_numpy(values)
    if device.type != "cuda":
        return tensor.to(device)
    with current(device):
        return tensor.pin_memory().to(device, non_blocking=True)


def release(device: torch.device) -> None:
    """Give memory that PyTorch holds unused back to the device."""
    if device.type == "cuda":
        with current(device):
            torch.cuda.empty_cache()
