"""How a block of logits is read; `test_kernels` has what the kernel computes."""

import sys

import pytest
import torch

from tshirt_assets.scoring.kernel import logit_block
from tshirt_assets.scoring.kernel.logit_block import InSteps, agrees, reader

CPU, CARD = torch.device("cpu"), torch.device("cuda", 0)


class Forgetful(InSteps):
    """Leaves the last word out of the sum."""

    def __init__(self, logits, index):
        total = logits[:, :-1].logsumexp(-1).double()
        super().__init__(logits, index)
        self.total = total


class Elsewhere(InSteps):
    """Picks a logit for targets that are in no such block."""

    def __init__(self, logits, index):
        picked = logits.gather(1, index.clamp(0, logits.shape[1] - 1)[:, None])[:, 0]
        super().__init__(logits, index)
        self.picked = picked


class Unscaled(InSteps):
    def shares(self, total, factor):
        return super().shares(total, 1.0)


def test_a_way_that_gives_something_else_is_found():
    assert agrees(InSteps, CPU)
    assert not any(agrees(wrong, CPU) for wrong in (Forgetful, Elsewhere, Unscaled))


def test_shares_of_all_blocks_add_up_to_the_factor():
    logits = torch.randn(5, 90, generator=torch.Generator().manual_seed(0))
    index = torch.arange(5) * 20
    parts = [
        InSteps(part.clone(), index - at)
        for part, at in zip(logits.split(40, 1), (0, 40, 80), strict=True)
    ]
    total = torch.stack([part.total for part in parts]).logsumexp(0)
    assert torch.allclose(total, logits.double().logsumexp(1))
    assert sum(part.picked for part in parts).tolist() == logits[range(5), index].tolist()
    shares = torch.cat([part.shares(total, 3.0) for part in parts], 1)
    assert torch.allclose(shares.sum(1), torch.tensor(3.0))


@pytest.mark.parametrize("found", ["equal", "other sums", "no Triton", "no compiler"])
def test_cuda_takes_the_kernel_where_it_gives_the_same(found, monkeypatch, caplog):
    class Kernel:
        AtOnce = Forgetful

    def checked(read, device):
        if found == "no compiler":
            raise RuntimeError("Failed to find C compiler")
        return found == "equal"

    monkeypatch.setattr(logit_block, "agrees", checked)
    name = "tshirt_assets.scoring.kernel.logit_kernel"
    monkeypatch.setitem(sys.modules, name, None if found == "no Triton" else Kernel)
    monkeypatch.delattr(name, raising=False)
    reader.cache_clear()
    with caplog.at_level("INFO"):
        chosen = reader(CARD)
    reader.cache_clear()
    assert chosen is (Forgetful if found == "equal" else InSteps)
    [record] = caplog.records
    said = {
        "equal": "LM head: one kernel reads the logits on cuda:0",
        "other sums": "its sums are not those of PyTorch",
        "no Triton": "ModuleNotFoundError",
        "no compiler": "Failed to find C compiler",
    }
    assert said[found] in record.getMessage()


def test_no_memory_for_the_trial_is_not_taken_for_no_kernel(monkeypatch):
    def full(read, device):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(logit_block, "agrees", full)
    name = "tshirt_assets.scoring.kernel.logit_kernel"
    monkeypatch.setitem(sys.modules, name, type("Kernel", (), {"AtOnce": InSteps}))
    reader.cache_clear()
    with pytest.raises(torch.OutOfMemoryError):
        reader(CARD)


def test_the_cpu_reads_in_steps():
    assert reader(CPU) is InSteps
