from pathlib import Path

import pytest

from tshirt_assets.config.cache_folder import cache_dir


def test_the_cache_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TSHIRT_ASSETS_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache_dir() == Path("/x/tshirt_assets")
    monkeypatch.setenv("TSHIRT_ASSETS_CACHE", "/y")
    assert cache_dir() == Path("/y")
