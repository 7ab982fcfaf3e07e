"""Fixtures of the scoring tests."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread():
    """Small work in one thread: several that wait for each other take ten times as long."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
