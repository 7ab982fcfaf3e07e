"""Chunk checkpoints: kept per identity, whole, and forgiving."""

import os
from pathlib import Path

import pyarrow as pa
import pytest

from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.store import Store


def chunk(number: int) -> pa.Table:
    return pa.table({"sample_id": [f"{number}-a", f"{number}-b"], "chunk": [number, number]})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def test_keeps_chunks_in_order_until_cleared(store: Store) -> None:
    staging = store.staging("corpus", "scores", "s", "i")
    assert staging.read() is None
    for number in range(3):
        staging.append(chunk(number))
    again = store.staging("corpus", "scores", "s", "i")
    kept = again.read()
    assert kept is not None
    assert kept.equals(pa.concat_tables(chunk(number) for number in range(3)))
    assert kept.schema.metadata is None
    again.clear()
    again.clear()
    assert staging.read() is None


def test_chunks_of_another_identity_are_not_read_and_are_discarded(store: Store) -> None:
    store.staging("corpus", "scores", "s", "old").append(chunk(0))
    new = store.staging("corpus", "scores", "s", "new")
    assert new.read() is None
    new.append(chunk(1))
    assert chunk(1).equals(new.read())
    assert store.staging("corpus", "scores", "s", "old").read() is None


def test_chunks_with_other_columns_are_discarded(store: Store) -> None:
    staging = store.staging("corpus", "scores", "s", "i")
    staging.append(chunk(0))
    staging.append(pa.table({"sample_id": ["x"]}))
    assert pa.table({"sample_id": ["x"]}).equals(staging.read())


def test_shards_and_assets_do_not_share_chunks(store: Store) -> None:
    store.staging("corpus", "scores", "s", "i").append(chunk(0))
    for corpus, asset, shard in (
        ("corpus", "scores", "t"),
        ("corpus", "scores", None),
        ("corpus", "other", "s"),
        ("corpus2", "scores", "s"),
    ):
        assert store.staging(corpus, asset, shard, "i").read() is None
    assert store.info("corpus", "scores", "s") is None


@pytest.mark.parametrize("pattern", ["data/*", "_versions/*", "**/*.*"])
def test_a_deletion_that_was_cut_short_leaves_nothing(
    store: Store, tmp_path: Path, pattern: str
) -> None:
    staging = store.staging("corpus", "scores", "s", "i")
    staging.append(chunk(0))
    staging.append(chunk(1))
    (folder,) = tmp_path.glob("_staging*.lance")
    for file in folder.glob(pattern):
        file.unlink()
    assert staging.read() is None
    staging.append(chunk(2))
    assert chunk(2).equals(staging.read())


@pytest.mark.parametrize("pattern", ["data/*", "_versions/*.manifest"])
@pytest.mark.parametrize("keep", [0, 50])
def test_files_cut_off_by_a_power_failure_are_computed_again(
    store: Store, tmp_path: Path, pattern: str, keep: int
) -> None:
    staging = store.staging("corpus", "scores", "s", "i")
    staging.append(chunk(0))
    (folder,) = tmp_path.glob("_staging*.lance")
    for file in folder.glob(pattern):
        os.truncate(file, keep)
    assert staging.read() is None
    staging.append(chunk(2))
    assert chunk(2).equals(staging.read())


def test_vectors_are_checked(store: Store) -> None:
    bad = pa.table({"vector": pa.array([[float("nan")] * 3], pa.list_(pa.float32(), 3))})
    with pytest.raises(StoreError, match="NaN"):
        store.staging("corpus", "embeddings", "s", "i").append(bad)
