"""The file of a shard is recorded relative to a local store, so that both move together."""

from pathlib import Path

import pytest

from tshirt_assets.incremental.sources import source_path, source_text
from tshirt_assets.store.store import Store


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_a_path_beside_a_local_store(tmp_path: Path, prefix: str) -> None:
    store = Store(f"{prefix}{tmp_path}/store")
    file = str(tmp_path / "rows/a.jsonl")
    assert source_text(store, file) == "../rows/a.jsonl"
    assert source_path(store, "../rows/a.jsonl") == file


def test_a_path_of_an_object_store(tmp_path: Path) -> None:
    store = Store("s3://bucket/x")
    file = str(tmp_path / "a.jsonl")
    assert source_path(store, source_text(store, file)) == file
