"""kill -9 at random instants: a table is in its old or its new state, and work goes on from it."""

import random
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa

from tests.store.store_workers import (
    CHUNKS,
    chunk_of,
    compute_in_chunks,
    create,
    overwrite,
    rows,
    said,
    start,
    started,
    wait_for,
)
from tshirt_assets.store.store import Store

KILLS = 5  # per test


def kill_soon(work: object, *arguments: object) -> list[str]:
    """Start a worker (`arguments[1]` is its log) and kill it; what it said in its life."""
    log = arguments[1]
    assert isinstance(log, Path)
    before = len(said(log))
    with started((work, *arguments)):
        wait_for(lambda: len(said(log)) > before)
        time.sleep(random.uniform(0.0, 0.25))
    return said(log)[before + 1 :]


def test_killed_overwrites_leave_the_old_or_the_new_shard(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    expected = 0
    store.write("corpus", "scores", "s", rows(0), {"seed": "0"})
    for _ in range(KILLS):
        acknowledged = kill_soon(overwrite, store.database.uri, tmp_path / "log", "s", expected + 1)
        expected = int(acknowledged[-1]) if acknowledged else expected
        info = store.info("corpus", "scores", "s")
        assert info is not None
        seed = int(info.meta["seed"])
        assert seed in (expected, expected + 1)  # what returned is there; at most one more
        assert store.read("corpus", "scores", "s").equals(rows(seed))
        expected = seed


def test_killed_creations_leave_a_whole_shard_or_none(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    for number in range(KILLS):
        acknowledged = kill_soon(create, store.database.uri, tmp_path / "log", f"run-{number}")
        written = len(acknowledged)
        for seed in range(written + 2):
            info = store.info("corpus", "created", f"run-{number}-{seed}")
            if seed < written:
                assert info is not None
            if info is not None:
                assert seed <= written
                table = store.read("corpus", "created", f"run-{number}-{seed}")
                assert table.equals(rows(seed))
        # The shard that was cut short can be written.
        store.write("corpus", "created", f"run-{number}-{written}", rows(3), {"seed": "3"})
        assert store.read("corpus", "created", f"run-{number}-{written}").equals(rows(3))
    assert len(store.stored("corpus", "created")) >= KILLS


def test_killed_runs_go_on_from_their_chunks(tmp_path: Path) -> None:
    store, log = Store(str(tmp_path / "store")), tmp_path / "log"
    for _ in range(KILLS):
        kill_soon(compute_in_chunks, store.database.uri, log)
        info = store.info("corpus", "chunked", "s")
        if info is not None:
            table = store.read("corpus", "chunked", "s")
            assert table.equals(shard(int(info.meta["identity"])))
    last = 0 if info is None else int(info.meta["identity"]) + 1
    finish = start(compute_in_chunks, store.database.uri, log, last)
    finish.join()
    assert finish.exitcode == 0
    assert store.read("corpus", "chunked", "s").equals(shard(last))

    # Every chunk was computed, again only when it was in flight, never once it was kept.
    kept: set[str] = set()
    computed = Counter[str]()
    for line in said(log):
        event, _, chunk = line.partition(" ")
        if event == "compute":
            assert chunk not in kept
            computed[chunk] += 1
        elif event == "kept":
            kept.add(chunk)
    assert set(computed) == {f"{n} {index}" for n in range(last + 1) for index in range(CHUNKS)}
    assert sum(computed.values()) - len(computed) <= KILLS


def shard(number: int) -> pa.Table:
    return pa.concat_tables(chunk_of(number, index) for index in range(CHUNKS))
