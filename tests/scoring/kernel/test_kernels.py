"""Every Triton kernel computes what PyTorch's operations compute; see `interpreted`."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest


@pytest.mark.slow
def test_kernels_compute_what_pytorch_computes():
    if find_spec("triton") is None:
        pytest.skip("Triton is not installed (pip install triton)")
    command = [sys.executable, "-m", "tests.scoring.kernel.interpreted"]
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["noise", "logits", "head", "gate", "rotary"], done.stderr[-2000:]
