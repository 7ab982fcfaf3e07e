"""Scoring one shard: what is computed, in which chunks, and what a failure leaves behind."""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pyarrow as pa
import pytest

from tshirt_assets.incremental import score_table as scored
from tshirt_assets.incremental.columns import SCORED_ROW
from tshirt_assets.incremental.overlap import Computation
from tshirt_assets.incremental.score_table import ScoredShard, ScoreTable
from tshirt_assets.incremental.side_by_side import side_by_side
from tshirt_assets.store.staging import Staging
from tshirt_assets.store.store import Store

SCHEMA = pa.schema(
    [*SCORED_ROW, pa.field("value", pa.float64()), pa.field("parts", pa.list_(pa.float32()))]
)
LOG = logging.getLogger("test")


class Work:
    """A computation that remembers its calls; each row takes some seconds of a made-up clock."""

    def __init__(self, seconds: float = 0.0, fails_at: str = ""):
        self.calls: list[list[str]] = []
        self.seconds, self.fails_at, self.now = seconds, fails_at, 0.0

    def prepare(self, ids: Sequence[str]) -> Sequence[str]:
        return ids

    def run(self, ids: Sequence[str]) -> tuple[pa.Table, int]:
        if self.fails_at in ids:
            raise MemoryError("out of memory")
        self.calls.append(list(ids))
        self.now += self.seconds * len(ids)
        bad = [sample_id.startswith("bad") for sample_id in ids]
        table = pa.table(
            {
                "sample_id": list(ids),
                "status": ["response_too_short" if b else "ok" for b in bad],
                "status_detail": pa.array(["1 token" if b else None for b in bad], pa.string()),
                "value": pa.array(
                    [None if b else float(len(i)) for b, i in zip(bad, ids, strict=True)]
                ),
                "parts": pa.array([None if b else [1.0, 2.0] for b in bad], pa.list_(pa.float32())),
            }
        )
        return table, len(ids)

    @property
    def computed(self) -> list[str]:
        return [sample_id for call in self.calls for sample_id in call]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path))


def score_table(store: Store, identity: str = "one") -> ScoreTable:
    return ScoreTable(store, "c", "scores", identity, SCHEMA, LOG)


def rows(*ids: str, shard: str = "s") -> pl.DataFrame:
    """ROW columns; an id that begins with `!` is a row that reading refused."""
    refused = [sample_id.startswith("!") for sample_id in ids]
    return pl.DataFrame(
        {
            "sample_id": list(ids),
            "shard": [shard] * len(ids),
            "row": list(range(len(ids))),
            "status": ["empty_response" if r else "ok" for r in refused],
            "status_detail": pl.Series(["empty" if r else None for r in refused], dtype=pl.String),
        }
    )


def test_each_content_is_computed_once_and_every_row_is_stored_in_its_place(store: Store) -> None:
    work = Work()
    found = score_table(store).score("s", rows("a", "!x", "bb", "a", "bad"), work)
    assert work.computed == ["a", "bb", "bad"]
    assert (found.computed, found.reused, found.tokens) == (3, 0, 3)
    stored = store.read("c", "scores", "s")
    assert stored.schema.equals(SCHEMA)
    assert stored["sample_id"].to_pylist() == ["a", "!x", "bb", "a", "bad"]
    assert stored["row"].to_pylist() == [0, 1, 2, 3, 4]
    assert stored["value"].to_pylist() == [1.0, None, 2.0, 1.0, None]
    assert stored["status"].to_pylist() == [
        "ok",
        "empty_response",
        "ok",
        "ok",
        "response_too_short",
    ]
    assert stored["status_detail"].to_pylist() == [None, "empty", None, None, "1 token"]
    assert set(stored["identity"].to_pylist()) == {"one"}


def test_chunks_take_about_the_time_that_a_crash_may_cost(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [f"r{number:05d}" for number in range(400)]
    for seconds in (0.1, 2.0, 15.0):
        work = Work(seconds)
        monkeypatch.setattr(scored, "time", SimpleNamespace(monotonic=lambda w=work: w.now))
        table = score_table(store, identity=str(seconds))
        table.score("s", rows(*ids), work)
        table.score("t", rows(*(f"t{i}" for i in ids[:50])), work)
        durations = [len(call) * seconds for call in work.calls]
        assert max(durations) <= 60.0  # "at most about a minute of work"
        assert max(durations) >= 10.0  # but no tiny ones either, once the speed is known
        # The second shard begins with the speed of the first.
        first_of_t = next(call for call in work.calls if call[0].startswith("t"))
        assert len(first_of_t) >= min(50, int(10 / seconds))


def test_large_chunks_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scored, "LARGEST_CHUNK", 100)
    work = Work()
    score_table(store).score("s", rows(*(f"r{number}" for number in range(500))), work)
    assert max(map(len, work.calls)) == 100


def test_a_failure_keeps_the_chunks_before_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scored, "FIRST_CHUNK", 2)
    monkeypatch.setattr(scored, "LARGEST_CHUNK", 2)
    seven = rows(*"abcdefg")
    work = Work(fails_at="f")
    with pytest.raises(MemoryError):
        score_table(store).score("s", seven, work)
    assert store.info("c", "scores", "s") is None  # no half shard
    assert work.computed == list("abcd")

    again = Work()
    found = score_table(store).score("s", seven, again)
    assert again.computed == list("efg")
    assert (found.computed, found.reused) == (3, 4)
    assert store.read("c", "scores", "s")["sample_id"].to_pylist() == list("abcdefg")
    assert store.staging("c", "scores", "s", "one").read() is None

    # The chunks of another identity are of no use.
    with pytest.raises(MemoryError):
        score_table(store, "two").score("s", seven, Work(fails_at="c"))
    third = Work()
    score_table(store, "three").score("s", seven, third)
    assert third.computed == list("abcdefg")


def test_chunks_are_kept_until_the_table_is_written(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scored, "LARGEST_CHUNK", 2)
    kept: list[str] = []
    append = Staging.append

    def told(self: Staging, chunk: pa.Table) -> None:
        kept.append("".join(chunk["sample_id"].to_pylist()))
        append(self, chunk)

    monkeypatch.setattr(Staging, "append", told)
    score_table(store).score("s", rows(*"abcdefg"), Work())
    score_table(store).score("t", rows("h", shard="t"), Work())
    assert kept == ["ab", "cd", "ef"]  # the table is written next to the last


def test_rows_that_the_asset_no_longer_accepts_are_computed_again(store: Store) -> None:
    score_table(store).score("s", rows("a", "b", "c"), Work())
    work = Work()
    found = score_table(store).score(
        "s", rows("a", "b", "c"), work, lambda stored: stored.filter(pl.col("sample_id") != "b")
    )
    assert work.computed == ["b"]
    assert (found.computed, found.reused) == (1, 2)


def test_the_same_rows_give_the_same_version_computed_or_reused(store: Store) -> None:
    ids = ("a", "!x", "bb", "a", "bad", "ccc")
    first = score_table(store).score("s", rows(*ids), Work())
    again = score_table(store).score("s", rows(*ids), Work())
    other = score_table(store).score("other", rows(*ids, shard="s"), Work())  # found in s
    assert (again.computed, other.computed) == (0, 0)
    versions = {found.info.meta["data_version"] for found in (first, again, other)}
    assert len(versions) == 1


def test_a_shard_without_rows_has_an_empty_table(store: Store) -> None:
    work = Work()
    found = score_table(store).score("s", rows(), work)
    assert work.calls == []
    assert found.table.num_rows == 0
    assert store.read("c", "scores", "s").schema.equals(SCHEMA)


def test_groups_are_computed_side_by_side_and_stored_in_the_order_of_their_rows(
    store: Store,
) -> None:
    work = Work()
    found = score_table(store).score(
        "s", rows("a2", "b1", "a1", "b2"), work, group_of=lambda i: i[0]
    )
    assert work.computed == ["a2", "a1", "b1", "b2"]
    assert found.table["sample_id"].to_pylist() == ["a2", "b1", "a1", "b2"]


def test_shards_of_one_chunk_overlap(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the model is at work, the next shard is prepared and the last one stored."""
    monkeypatch.setattr(scored, "FIRST_CHUNK", 8)
    shards = ["s0", "s1", "s2", "s3"]
    prepared = {shard: threading.Event() for shard in shards}
    stored = {shard: threading.Event() for shard in shards}
    table, work = score_table(store), Work()

    def prepare(ids: Sequence[str]) -> Sequence[str]:
        prepared[ids[0][:2]].set()
        return ids

    def run(ids: Sequence[str]) -> tuple[pa.Table, int]:
        number = shards.index(ids[0][:2])
        meanwhile = [prepared[shard] for shard in shards[number + 1 : number + 2]]
        meanwhile += [stored[shard] for shard in shards[max(0, number - 1) : number]]
        assert all(event.wait(20) for event in meanwhile)
        return work.run(ids)

    def process(shard: str) -> ScoredShard:
        ids = [f"{shard}-{number}" for number in range(5)]
        found = table.score(shard, rows(*ids, shard=shard), Computation(prepare, run))
        stored[shard].set()
        return found

    found = [outcome.result() for _, outcome in side_by_side(process, shards)]
    assert [part.computed for part in found] == [5] * 4
    assert len(work.calls) == 4
    for shard in shards:
        assert store.read("c", "scores", shard)["value"].to_pylist() == [4.0] * 5
