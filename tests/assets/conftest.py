"""Fixtures of the asset tests."""

from collections.abc import Iterator

import pytest
import torch

from tshirt_assets.report import plots


@pytest.fixture(autouse=True, scope="session")
def _quick() -> Iterator[None]:
    """One thread for tiny models, and no plots: they are slow to draw and have their own tests."""
    threads, draw = torch.get_num_threads(), plots.histogram
    torch.set_num_threads(1)
    plots.histogram = lambda *_, **__: b"\x89PNG"
    yield
    torch.set_num_threads(threads)
    plots.histogram = draw
