"""Which GPUs a process may use, by the names that CUDA_VISIBLE_DEVICES takes."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TextIO

from tshirt_assets.config import CorpusConfig

VISIBLE: Final = "CUDA_VISIBLE_DEVICES"
MIG: Final = "MIG-"
_LISTED = re.compile(r"^([ \t]*)(?:GPU|MIG)\b.*\(UUID: ([^)]+)\)", re.MULTILINE)


_claimed: list[TextIO] = []  # locked files, until the process ends


def claim_gpu(config: CorpusConfig) -> str | None:
    """Keep this process to a GPU that no other process of the user has claimed; returns its name.

    Of several GPUs `device: auto` would else be the first, in every run that Dagster starts on
    this machine. None, and nothing changes, where there is no choice: there are not several, all
    are claimed, or this process uses one already.
    """
    names = gpus_to_share(config)
    torch = sys.modules.get("torch")
    if len(names) < 2 or (torch is not None and torch.cuda.is_initialized()):
        return None
    for name in names:
        if _claim(name):
            os.environ[VISIBLE] = name
            return name
    return None


def _claim(name: str) -> bool:
    from fcntl import LOCK_EX, LOCK_NB, flock

    lock = (Path(tempfile.gettempdir()) / f"tshirt-assets-{os.getuid()}-gpu-{name}.lock").open("a")
    try:
        flock(lock, LOCK_EX | LOCK_NB)
    except OSError:
        lock.close()
        return False
    _claimed.append(lock)
    return True


def gpus_to_share(config: CorpusConfig) -> list[str]:
    """The GPUs that workers divide among them; none where models have a device of their own.

    Those that CUDA_VISIBLE_DEVICES names; where it is not set, all of the machine, and of a GPU
    that is divided into MIG instances each of them.
    """
    devices = [options.device for options in (config.scorer, config.target_model, config.embedder)]
    if all(device == "cpu" for device in devices) or any(":" in device for device in devices):
        return []
    if VISIBLE in os.environ:
        return visible_gpus(os.environ)
    try:
        found = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    return listed_gpus(found.stdout)


def visible_gpus(environment: Mapping[str, str]) -> list[str]:
    """The names in CUDA_VISIBLE_DEVICES, up to the first that is none, as CUDA reads it."""
    names: list[str] = []
    for name in environment[VISIBLE].split(","):
        if not re.match(r"\s*(\d|GPU-|MIG-)", name):
            break
        names.append(name.strip())
    return names


def listed_gpus(listing: str) -> list[str]:
    """The names in what `nvidia-smi -L` prints: GPUs, or in their place their MIG instances."""
    names: list[str] = []
    for indent, name in _LISTED.findall(listing):
        if indent and names and not names[-1].startswith(MIG):
            names.pop()  # the GPU that is divided
        names.append(name)
    return names
