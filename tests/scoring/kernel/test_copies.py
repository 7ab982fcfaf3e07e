"""What crosses the bus per pack: a few copies to the device, one back, and no number read alone."""

from collections import Counter

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.tiny import VOCABULARY, causal_lm
from tshirt_assets.scoring import analytic
from tshirt_assets.scoring.analytic import analytic_robust_scores
from tshirt_assets.scoring.clean import CleanLosses, clean_scores
from tshirt_assets.scoring.kernel import noise, packing, token_loss
from tshirt_assets.scoring.kernel.token_loss import TokenLossEngine
from tshirt_assets.scoring.robustness import neighbour_deltas
from tshirt_assets.scoring.token_noise import USUAL
from tshirt_assets.scoring.tokenize import TokenizedSample

READS = {"_local_scalar_dense", "nonzero", "equal"}  # operations that wait for the device


class Traffic(TorchDispatchMode):
    """Copies and waiting operations, by where a GPU would have them."""

    def __init__(self, monkeypatch):
        super().__init__()
        self.count = Counter()
        for module in (packing, token_loss, noise, analytic):
            monkeypatch.setattr(module, "to_device", self.counted("up", module.to_device))
        monkeypatch.setattr(torch.Tensor, "cpu", self.counted("down", torch.Tensor.cpu))
        pack = staticmethod(self.counted("packs", packing.Pack.of))
        monkeypatch.setattr(packing.Pack, "of", pack)

    def counted(self, name, function):
        def call(*args, **kwargs):
            self.count[name] += 1
            return function(*args, **kwargs)

        return call

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count["reads"] += func.overloadpacket.__name__ in READS
        return func(*args, **(kwargs or {}))


@pytest.fixture(scope="module")
def engine():
    engine = TokenLossEngine(causal_lm("gpt2", 128), token_budget=400)
    engine._slack = 0.25  # as on a GPU
    return engine


@pytest.fixture(scope="module")
def samples():
    draw = np.random.default_rng(0)
    ids = [draw.integers(0, VOCABULARY, (2, n)) for n in draw.integers(5, 60, 40)]
    return [TokenizedSample(f"{n:032x}", *own, n % 2 == 0) for n, own in enumerate(ids)]


def test_losses_take_one_copy_to_the_device_and_one_back(engine, samples, monkeypatch):
    with Traffic(monkeypatch) as traffic:
        clean_scores(engine, samples)
    packs = traffic.count["packs"]
    assert packs > 5
    assert traffic.count == Counter(packs=packs, up=packs, down=packs, reads=0)


def test_noise_takes_two_copies_more(engine, samples, monkeypatch):
    with Traffic(monkeypatch) as traffic:
        neighbour_deltas(engine, samples[:8], neighbours=3, alpha=5.0, seed=1)
    packs = traffic.count["packs"]
    assert traffic.count == Counter(packs=packs, up=3 * packs, down=packs, reads=0)


def test_gradients_come_back_as_one_number_a_row_all_at_once(engine, samples, monkeypatch):
    clean = [
        CleanLosses.of(score.token_nll, score.token_delta, score.ifd)
        for score in clean_scores(engine, samples)
    ]
    monkeypatch.setattr(analytic, "GROUP_VALUES", 32 * 400)
    options = {"tau": 0.1, "alpha": 5.0, "noise": USUAL}
    with Traffic(monkeypatch) as traffic:
        scores = analytic_robust_scores(engine, samples, clean, **options)
    assert all(score.s_ifd_std > 0 for score in scores)
    count = traffic.count
    assert (count["down"], count["reads"]) == (1, 0)
    assert count["up"] <= 4 * count["packs"]
