import contextlib

import numpy as np
import pytest
import torch

from tshirt_assets.scoring.kernel import devices
from tshirt_assets.scoring.kernel.devices import current, release, to_device, torch_device


class Cards:
    """As many CUDA cards as told, none of which is there; notes which one is current."""

    def __init__(self, monkeypatch, count):
        self.at, self.log = 0, []
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "device", self.device)
        monkeypatch.setattr(torch.cuda, "empty_cache", lambda: self.log.append(self.at))

    @contextlib.contextmanager
    def device(self, device):
        before, self.at = self.at, device.index
        try:
            yield
        finally:
            self.at = before


@pytest.mark.parametrize(
    ("name", "count", "expected"),
    [
        ("auto", 0, "cpu"),
        ("auto", 1, "cuda:0"),  # one card, or one slice of a card (MIG), or one made visible
        ("auto", 4, "cuda:0"),
        ("cuda", 2, "cuda:0"),
        ("cuda:1", 2, "cuda:1"),
        ("cpu", 2, "cpu"),
        ("meta", 0, "meta"),
    ],
)
def test_the_option_names_a_device(name, count, expected, monkeypatch):
    Cards(monkeypatch, count)
    assert torch_device(name) == torch.device(expected)


@pytest.mark.parametrize(
    ("name", "count", "message"),
    [
        ("cuda", 0, "device 'cuda': no CUDA device can be seen here; use auto or cpu"),
        ("cuda:2", 2, "device 'cuda:2': 2 CUDA devices can be seen here"),
        ("cuda:1", 1, "1 CUDA device can be seen here"),
        ("gpu", 1, "device 'gpu': use auto, cpu, cuda or cuda:NUMBER"),
        ("cuda:x", 1, "device 'cuda:x': use auto, cpu"),
    ],
)
def test_a_device_that_is_not_there_is_an_error_that_says_what_is(
    name, count, message, monkeypatch
):
    Cards(monkeypatch, count)
    with pytest.raises(ValueError, match=message):
        torch_device(name)


def test_only_the_engines_card_is_touched(monkeypatch):
    cards = Cards(monkeypatch, 2)

    class Pinned:
        def pin_memory(self):
            cards.log.append(cards.at)
            return self

        def to(self, device, non_blocking):
            assert non_blocking
            return device

    monkeypatch.setattr(devices.torch, "from_numpy", lambda values: Pinned())
    card = torch.device("cuda", 1)
    assert to_device(np.zeros(3), card) == card
    release(card)
    assert cards.log == [1, 1]
    assert cards.at == 0


def test_on_cpu_nothing_is_copied_and_cuda_is_never_asked(monkeypatch):
    def fail(*arguments):
        raise AssertionError("CUDA was asked")

    monkeypatch.setattr(torch.cuda, "device", fail)
    monkeypatch.setattr(torch.cuda, "empty_cache", fail)
    values, cpu = np.zeros(3), torch.device("cpu")
    assert to_device(values, cpu).data_ptr() == values.ctypes.data
    release(cpu)
    with current(cpu):
        pass
