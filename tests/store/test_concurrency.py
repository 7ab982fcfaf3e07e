"""Several processes on one store: no lost, duplicated or mixed rows, no unhandled conflict."""

from pathlib import Path

from tests.store.store_workers import (
    overwrite,
    read_one_version,
    rows,
    said,
    started,
    wait_for,
    write_shards,
)
from tshirt_assets.store.store import Store

WRITERS = 6


def test_writers_of_different_shards_and_of_one_shard(tmp_path: Path) -> None:
    store, log = Store(str(tmp_path / "store")), tmp_path / "log"
    calls: list[tuple[object, ...]] = [
        (write_shards, store.database.uri, {}, log, [f"own-{n}", "common"], range(n, 60, WRITERS))
        for n in range(WRITERS)
    ]
    store.staging("corpus", "scores", "common", "i").append(rows(1_000, 10))
    with started(*calls) as writers:
        for writer in writers:
            writer.join()
        assert [writer.exitcode for writer in writers] == [0] * WRITERS

    shards = {info.meta["shard"]: info for info in store.stored("corpus", "scores")}
    assert sorted(shards) == sorted(["common", *(f"own-{n}" for n in range(WRITERS))])
    for number in range(WRITERS):
        own = f"own-{number}"
        last = list(range(number, 60, WRITERS))[-1]
        assert store.read("corpus", "scores", own).equals(rows(last))
        staged = store.staging("corpus", "scores", own, "i").read()
        assert staged is not None
        assert staged.num_rows == 10 * len(range(number, 60, WRITERS))

    # Every acknowledged write of the common shard is a version of its own, and pure.
    common = [line.split()[1:] for line in said(log) if line.startswith("common ")]
    assert sorted(int(version) for version, _ in common) == list(range(1, 61))
    for version, seed in common:
        table = store.read("corpus", "scores", "common", version=int(version))
        assert table.equals(rows(int(seed)))
    staged = store.staging("corpus", "scores", "common", "i").read()
    assert staged is not None
    assert staged.num_rows == 610
    assert len(set(staged["sample_id"].to_pylist())) == 610


def test_a_reader_keeps_its_version_while_another_process_writes(tmp_path: Path) -> None:
    store, log = Store(str(tmp_path / "store")), tmp_path / "reader"
    store.write("corpus", "scores", "s", rows(0), {"seed": "0"})
    with started(
        (overwrite, store.database.uri, tmp_path / "writer", "s", 1),
        (read_one_version, store.database.uri, log, "s"),
    ):
        wait_for(lambda: len(said(log)) >= 10 and len(said(tmp_path / "writer")) >= 10)
    seen = [line.split() for line in said(log)]
    assert {pure for _, pure in seen} == {"True"}
    assert len({version for version, _ in seen}) > 1
