"""Large tables written in batches, and search by vector in them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.store import Store
from tshirt_assets.store.vector_search import build_index, has_index, nearest_rows

ROWS, WIDTH = 3_000, 8
SCHEMA = pa.schema([("sample_id", pa.string()), ("vector", pa.list_(pa.float32(), WIDTH))])
VECTORS = np.random.default_rng(0).normal(size=(ROWS, WIDTH)).astype(np.float32)


def batches(vectors: np.ndarray = VECTORS, size: int = 700) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(vectors), size):
        part = vectors[start : start + size]
        ids = [str(number) for number in range(start, start + len(part))]
        flat = pa.FixedSizeListArray.from_arrays(pa.array(part.ravel()), WIDTH)
        yield pa.RecordBatch.from_arrays([pa.array(ids), flat], schema=SCHEMA)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(str(tmp_path))
    store.write_batches("corpus", "search", None, SCHEMA, batches, {"data_version": "1"})
    return store


def test_batches_replace_the_table_and_its_metadata_in_one_version(store: Store) -> None:
    before = store.info("corpus", "search")
    assert before is not None
    assert (before.version, before.rows, before.meta["data_version"]) == (1, ROWS, "1")
    info = store.write_batches(
        "corpus", "search", None, SCHEMA, lambda: batches(VECTORS[:10]), {"data_version": "2"}
    )
    assert store.info("corpus", "search") == info
    assert (info.version, info.rows) == (2, 10)
    assert store.read("corpus", "search").equals(pa.Table.from_batches(batches(VECTORS[:10])))
    assert store.read("corpus", "search", version=1).num_rows == ROWS


def test_a_source_that_fails_leaves_the_old_table(store: Store) -> None:
    def failing() -> Iterator[pa.RecordBatch]:
        yield from batches(VECTORS[:800])
        raise StoreError("shard x cannot be read")

    with pytest.raises(StoreError, match="shard x cannot be read"):
        store.write_batches("corpus", "search", None, SCHEMA, failing, {})
    bad = np.full((1, WIDTH), np.nan, np.float32)
    with pytest.raises(StoreError, match="NaN"):
        store.write_batches("corpus", "search", None, SCHEMA, lambda: batches(bad), {})
    info = store.info("corpus", "search")
    assert info is not None
    assert (info.version, info.rows) == (1, ROWS)


@pytest.mark.parametrize("indexed", [False, True])
def test_nearest_rows_are_those_of_a_brute_force_search(store: Store, indexed: bool) -> None:
    name = "corpus.search"
    assert not has_index(store, name, "vector")
    if indexed:
        build_index(store, name, "vector")
        assert has_index(store, name, "vector")
    unit = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    for query in np.random.default_rng(1).normal(size=(3, WIDTH)).astype(np.float32):
        cosines = unit @ query / np.linalg.norm(query)
        best = np.argsort(-cosines)[:5]
        found = nearest_rows(store, name, "vector", query, 5, ["sample_id"])
        assert found["sample_id"].to_pylist() == [str(number) for number in best]
        assert found["similarity"].to_numpy() == pytest.approx(cosines[best], abs=1e-5)


def test_replacing_the_table_drops_its_index(store: Store) -> None:
    build_index(store, "corpus.search", "vector")
    info = store.info("corpus", "search")
    assert info is not None
    assert info.meta["data_version"] == "1"
    store.write_batches("corpus", "search", None, SCHEMA, batches, {})
    assert not has_index(store, "corpus.search", "vector")
    assert nearest_rows(store, "corpus.search", "vector", VECTORS[7], 1, ["sample_id"])[
        "sample_id"
    ].to_pylist() == ["7"]


def test_wrong_width_and_missing_table_are_named(store: Store) -> None:
    with pytest.raises(StoreError, match=r"vectors of 8 numbers, the query has shape \(3,\)"):
        nearest_rows(store, "corpus.search", "vector", np.ones(3, np.float32), 1, ["sample_id"])
    with pytest.raises(StoreError, match=r"there is no table corpus\.nothing"):
        nearest_rows(store, "corpus.nothing", "vector", VECTORS[0], 1, ["sample_id"])
    assert not has_index(store, "corpus.nothing", "vector")
