"""Fixtures of these tests: those of the asset tests."""

from tests.assets.conftest import _quick  # noqa: F401
