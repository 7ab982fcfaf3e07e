"""Fixtures of the scoring tests."""

import pytest


@pytest.fixture(autouse=True)
def _one_thread(one_thread):
    """All scoring tests are small work."""
