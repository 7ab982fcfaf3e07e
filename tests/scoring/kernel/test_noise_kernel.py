"""Where the noise is made by one kernel; `test_kernels` has what that computes."""

import subprocess
import sys

import pytest
import torch

from tshirt_assets.scoring.kernel import noise
from tshirt_assets.scoring.kernel.noise import agrees, fill_in_steps, filler

CPU, CARD = torch.device("cpu"), torch.device("cuda", 0)


def test_one_wrong_bit_is_found():
    def off_by_one(values, keys, rows, scales):
        fill_in_steps(values, keys, rows, scales)
        values.view(torch.int32)[-1, -1] ^= 1

    assert agrees(fill_in_steps, CPU)
    assert not agrees(off_by_one, CPU)


@pytest.mark.parametrize("found", ["equal", "other values", "no Triton", "no compiler"])
def test_cuda_takes_the_kernel_where_its_bits_are_those_of_the_cpu(found, monkeypatch, caplog):
    class Kernel:
        @staticmethod
        def fill_at_once(*arguments):
            """The kernel, or what stands for it."""

    def checked(fill, device):
        if found == "no compiler":
            raise RuntimeError("Failed to find C compiler")
        return found == "equal"

    monkeypatch.setattr(noise, "agrees", checked)
    name = "tshirt_assets.scoring.kernel.noise_kernel"
    monkeypatch.setitem(sys.modules, name, None if found == "no Triton" else Kernel)
    monkeypatch.delattr("tshirt_assets.scoring.kernel.noise_kernel", raising=False)
    filler.cache_clear()
    with caplog.at_level("INFO"):
        chosen = filler(CARD)
    filler.cache_clear()
    assert chosen is (Kernel.fill_at_once if found == "equal" else fill_in_steps)
    [record] = caplog.records
    said = {
        "equal": "noise: one kernel on cuda:0",
        "other values": "its values are not those of the CPU",
        "no Triton": "ModuleNotFoundError",
        "no compiler": "Failed to find C compiler",
    }
    assert said[found] in record.getMessage()


def test_on_cpu_the_kernel_is_never_imported():
    code = (
        "import sys, torch\n"
        "from tshirt_assets.scoring.kernel import noise, token_loss\n"
        "noise.filler(torch.device('cpu'))\n"
        "print('tshirt_assets.scoring.kernel.noise_kernel' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]
