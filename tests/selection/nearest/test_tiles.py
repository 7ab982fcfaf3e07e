"""Where the products are made, and how many of them at a time."""

import numpy as np
import pytest
import torch
from polars.testing import assert_frame_equal

from tests.selection.nearest.test_find import blocks_of, double_loop
from tshirt_assets.selection.nearest import backend as backends
from tshirt_assets.selection.nearest import exact, find, nearest, tiles
from tshirt_assets.selection.nearest.backend import Backend


class Cards:
    """Two CUDA cards with some free memory, which only `backend_on` ever sees."""

    def __init__(self, monkeypatch, free):
        self.asked, self.free = [], free
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
        monkeypatch.setattr(torch.cuda, "mem_get_info", self.mem_get_info)

    def mem_get_info(self, device):
        self.asked.append(device)
        return self.free, 80 << 30


@pytest.mark.parametrize(("device", "card"), [("auto", 0), ("cuda", 0), ("cuda:1", 1)])
def test_the_device_that_the_option_names_makes_the_products(device, card, monkeypatch):
    cards = Cards(monkeypatch, 64 << 30)
    backend = backends.backend_on(device)
    assert (backend.xp, backend.device) == (torch, torch.device("cuda", card))
    assert backend.full is torch.OutOfMemoryError
    assert cards.asked == [torch.device("cuda", card)]
    assert backends.backend_on("cpu") == Backend(np, backends.CPU_TILE)
    with pytest.raises(ValueError, match="2 CUDA devices can be seen here"):
        backends.backend_on("cuda:2")


@pytest.mark.parametrize(("free", "height"), [(80 << 30, 8192), (1 << 30, 4729), (1 << 20, 147)])
def test_tiles_and_vectors_fit_the_free_memory_of_the_card(free, height, monkeypatch):
    Cards(monkeypatch, free)
    backend = backends.backend_on("cuda:1")
    assert backend.height == height
    assert backend.memory + 12 * height**2 <= free / 2


def test_the_search_takes_the_device_it_is_given(monkeypatch):
    asked = []

    def backend_on(device):
        asked.append(device)
        return Backend(np, 4)

    monkeypatch.setattr(find, "backend_on", backend_on)
    nearest(blocks_of([1, 2, 3]), device="cuda:1")
    assert asked == ["cuda:1"]


class Narrow(np.ndarray):
    """Vectors on a device that has no room for products of more than two rows."""

    def __matmul__(self, other):
        if len(self) > 2:
            raise MemoryError("out of memory (not really)")
        return np.asarray(self) @ np.asarray(other)


def test_running_out_of_memory_halves_the_tiles_and_goes_on(monkeypatch, caplog):
    class Full(Backend):
        def put(self, array):
            return array.view(Narrow) if array.ndim == 2 else array

    monkeypatch.setattr(tiles, "LEAST_TILE", 2)
    monkeypatch.setattr(find, "backend_on", lambda device: Full(np, 8))
    members = list(range(40))
    assert_frame_equal(nearest(blocks_of(members)).frame, double_loop(members), check_exact=True)
    said = [record.getMessage() for record in caplog.records]
    assert said == [f"out of memory: comparing {n} vectors at a time" for n in (4, 2)]
    monkeypatch.setattr(tiles, "LEAST_TILE", 4)
    with pytest.raises(MemoryError):
        nearest(blocks_of(members))


def test_vectors_on_a_card_are_bounded_by_its_memory(monkeypatch):
    loaded = []

    class Watched(tiles.Tiles):
        def __init__(self, rows, *rest):
            loaded.append(len(rows))
            super().__init__(rows, *rest)

    monkeypatch.setattr(exact, "Tiles", Watched)
    monkeypatch.setattr(find, "backend_on", lambda device: Backend(np, 4, memory=5 * 4 * 6))
    members = list(range(20))
    assert_frame_equal(nearest(blocks_of(members)).frame, double_loop(members), check_exact=True)
    assert loaded == [6, 6, 6, 2]
