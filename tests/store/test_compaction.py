"""Pruning: what goes, what stays, and who is warned."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from tshirt_assets.store.compaction import Pin, PinnedError, maintain
from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.store import Store

NOW = timedelta(microseconds=1)
WEEK = timedelta(days=7)


def rows(value: int) -> pa.Table:
    return pa.table({"sample_id": ["a", "b"], "value": [value, value]})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(str(tmp_path))
    for value in range(3):
        store.write("corpus", "scores", "one", rows(value), {})
    store.write("corpus", "scores", "two", rows(9), {})
    store.write("corpus_b", "scores", "one", rows(1), {})
    store.write("corpus_b", "scores", "one", rows(2), {})
    time.sleep(0.01)
    return store


def name(store: Store, shard: str) -> str:
    info = store.info("corpus", "scores", shard)
    assert info is not None
    return info.name


def test_prunes_all_but_the_latest_version(store: Store) -> None:
    report = maintain(store, "corpus", older_than=NOW)
    assert report.tables == 2
    assert report.pruned == {name(store, "one"): (1, 2)}
    assert store.read("corpus", "scores", "one").equals(rows(2))
    assert store.read("corpus", "scores", "two").equals(rows(9))
    with pytest.raises(StoreError, match=r"version 2 was pruned; select again"):
        store.read("corpus", "scores", "one", version=2)
    assert store.read("corpus_b", "scores", "one", version=1).equals(rows(1))


def test_keeps_versions_inside_the_window(store: Store) -> None:
    report = maintain(store, "corpus", older_than=WEEK)
    assert report.pruned == {}
    assert store.read("corpus", "scores", "one", version=1).equals(rows(0))


def test_window_counts_local_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert maintain(store, "corpus", older_than=timedelta(hours=1), dry_run=True).pruned == {}
    finally:
        monkeypatch.undo()
        time.tzset()


def test_names_subsets_that_would_be_lost_and_refuses(store: Store) -> None:
    table = name(store, "one")
    pins = [Pin(table, 2, "tshirt-5pct"), Pin(table, 3, "miwv-5pct"), Pin("gone", 1, "other")]
    with pytest.raises(StoreError, match=r"re-read: tshirt-5pct; keep versions longer"):
        maintain(store, "corpus", older_than=NOW, pins=pins)
    assert store.read("corpus", "scores", "one", version=2).equals(rows(1))

    dry = maintain(store, "corpus", older_than=NOW, pins=pins, dry_run=True)
    assert dry.lost_subsets == ["tshirt-5pct"]
    assert store.read("corpus", "scores", "one", version=2).equals(rows(1))

    forced = maintain(store, "corpus", older_than=NOW, pins=pins, force=True)
    assert forced == dry
    with pytest.raises(StoreError, match="pruned"):
        store.read("corpus", "scores", "one", version=2)


def test_merges_small_files_and_counts_the_replaced_version_as_lost(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    first = store.write("corpus", "index", None, rows(0), {"note": "kept"})
    for value in range(1, 4):
        store.database.append(first.name, rows(value).replace_schema_metadata(first.meta))
    time.sleep(0.01)
    pin = Pin(first.name, 4, "subset")
    assert maintain(store, "corpus", older_than=NOW, pins=[pin], dry_run=True).lost == (pin,)
    report = maintain(store, "corpus", older_than=NOW)
    assert report.compacted == (first.name,)
    files = list((tmp_path / f"{first.name}.lance" / "data").iterdir())
    assert len(files) == 1
    after = store.info("corpus", "index")
    assert after is not None
    assert (after.rows, after.meta["note"]) == (8, "kept")
    assert store.read("corpus", "index").equals(pa.concat_tables(rows(v) for v in range(4)))


def test_drops_staged_chunks_that_nobody_continued(store: Store) -> None:
    store.staging("corpus", "scores", "one", "i").append(rows(1))
    store.staging("corpus_b", "scores", "one", "i").append(rows(1))
    time.sleep(0.01)
    assert maintain(store, "corpus", older_than=WEEK).dropped == ()
    assert store.staging("corpus", "scores", "one", "i").read() is not None
    assert len(maintain(store, "corpus", older_than=NOW).dropped) == 1
    assert store.staging("corpus", "scores", "one", "i").read() is None
    assert store.staging("corpus_b", "scores", "one", "i").read() is not None


def test_skips_tables_that_were_never_completed(store: Store, tmp_path: Path) -> None:
    os.makedirs(tmp_path / "corpus.scores.half-0.lance" / "data")
    assert maintain(store, "corpus", older_than=NOW).tables == 2


def test_drops_the_tables_named_as_orphans_unless_a_subset_needs_them(store: Store) -> None:
    one, two = name(store, "one"), name(store, "two")
    pins = [Pin(two, 1, "ifd-5pct")]
    with pytest.raises(PinnedError, match="ifd-5pct"):
        maintain(store, "corpus", older_than=WEEK, pins=pins, orphans=[two, "corpus.gone"])
    assert store.info("corpus", "scores", "two") is not None
    report = maintain(store, "corpus", older_than=WEEK, pins=pins, orphans=[two], force=True)
    assert report.dropped == (two,)
    assert report.lost_subsets == ["ifd-5pct"]
    assert [info.name for info in store.stored("corpus", "scores")] == [one]


def test_large_tables_of_several_files_are_left_alone(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    table = pa.table({"value": pa.array(range(1_200_000), pa.int32())})
    info = store.write("corpus", "contenders", None, table, {})
    time.sleep(0.01)
    report = maintain(store, "corpus", older_than=NOW, pins=[Pin(info.name, info.version, "x")])
    assert report.compacted == ()
    assert report.pruned == {}
    assert store.info("corpus", "contenders") == info
