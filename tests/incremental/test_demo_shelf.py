"""Demos from other shards are read once per run, however many shards ask for them."""

from collections import Counter

import polars as pl
import pytest

from tests.corpora import NAME, Corpus
from tshirt_assets.incremental import demo_shelf
from tshirt_assets.incremental.demo_shelf import DemoShelf, lines_of
from tshirt_assets.incremental.stored_rows import read_samples_by_id
from tshirt_assets.store.frames import to_frame
from tshirt_assets.store.store import Store


def nearest(corpus: Corpus) -> pl.DataFrame:
    return to_frame(corpus.store.read(NAME, "neighbours"))


def test_every_shard_finds_the_demos_that_others_hold(finished: Corpus) -> None:
    neighbours, store = nearest(finished), finished.store
    shelf = DemoShelf(store, NAME, neighbours, finished.shards, "another identity")
    some = 0
    for shard in finished.shards:
        own = finished.frame("samples", shard).filter(pl.col("status") == "ok")
        asked = neighbours.filter(
            pl.col("sample_id").is_in(own["sample_id"].implode()),
            pl.col("neighbour_shard") != shard,
        )
        places = asked.select(sample_id="neighbour_id", shard="neighbour_shard").unique()
        assert shelf.read(shard) == read_samples_by_id(store, NAME, places)
        some += places.height
    assert some


def test_rows_that_are_scored_with_their_demo_ask_for_none(finished: Corpus) -> None:
    info = finished.store.info(NAME, "miwv_scores", finished.shards[0])
    assert info is not None
    shelf = DemoShelf(finished.store, NAME, nearest(finished), finished.shards, info.identity)
    assert all(shelf.read(shard) == {} for shard in finished.shards)


def test_a_run_reads_no_samples_for_demos_shard_by_shard(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus.register()
    corpus.materialize("samples", "embeddings", "token_scores")
    corpus.materialize("neighbours")
    reads: Counter[str] = Counter()
    read = Store.read

    def counted(self: Store, name: str, asset: str, shard: str | None = None, **options):
        reads[asset] += 1
        return read(self, name, asset, shard, **options)

    monkeypatch.setattr(Store, "read", counted)
    corpus.materialize("miwv_scores")
    assert corpus.reused("miwv_scores") == 0
    assert reads["samples"] <= 2 * len(corpus.shards)  # its own rows, and once for all demos


def test_the_lines_of_some_samples_are_looked_up_in_a_sorted_table() -> None:
    table = pl.DataFrame({"sample_id": ["b", "d", "f"], "neighbour_id": ["d", "b", None]})
    for ids in ([], ["d"], ["f", "b"], ["a", "c", "d", "e", "g"], ["z", "y"]):
        expected = table.filter(pl.col("sample_id").is_in(ids))
        assert lines_of(table, ids).equals(expected)
    assert lines_of(table.clear(), ["a"]).is_empty()


def test_shards_that_ask_many_others_for_little_get_few_batches(
    finished: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shelved(armful: int) -> DemoShelf:
        monkeypatch.setattr(demo_shelf, "ARMFUL", armful)
        shelf = DemoShelf(finished.store, NAME, nearest(finished), finished.shards, "another")
        assert shelf._laid_down
        return shelf

    whole, shard_by_shard = shelved(1 << 30), shelved(0)
    for shard in finished.shards:
        assert whole.read(shard) == shard_by_shard.read(shard)
    assert {len(numbers) for numbers in whole._laid_down[1].values()} == {1}
