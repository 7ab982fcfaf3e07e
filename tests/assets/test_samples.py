"""Reading files into samples, and what a corpus without usable rows leads to."""

from pathlib import Path

import pytest

from tests.corpora import NAME, Corpus, make_rows
from tests.incremental.test_dataset import failure
from tshirt_assets.corpus import readers
from tshirt_assets.incremental import known_rows

BROKEN = ["{broken", '{"instruction": "x", "output": ""}', "[1, 2]"]


def test_an_empty_file_is_a_shard_without_rows(corpus: Corpus) -> None:
    corpus.write("empty.jsonl", [])
    corpus.write("broken.jsonl", BROKEN)
    for name in ("b.jsonl", "c.jsonl"):
        corpus.path(name).unlink()
    corpus.materialize_all()
    empty, broken = corpus.shard("empty-"), corpus.shard("broken-")
    for asset in ("samples", "embeddings", "token_scores", "robust_scores", "miwv_scores"):
        assert corpus.frame(asset, empty).height == 0
        assert corpus.metadata(asset, empty)["dagster/row_count"] == 0
    for asset in ("samples", "embeddings", "token_scores", "miwv_scores"):
        statuses = corpus.frame(asset, broken)["status"].to_list()
        assert statuses == ["unreadable_line", "empty_response", "unreadable_line"]
    assert corpus.frame("neighbours").height == 10
    assert corpus.metadata("contenders")["shards"] == 3
    assert corpus.metadata("selected_subset", "ifd")["usable_rows"] == 10
    corpus.materialize_all()  # and once more, from what is stored
    assert corpus.stale() == {}


@pytest.mark.parametrize("rows", [[], BROKEN], ids=["empty", "only broken rows"])
def test_a_corpus_without_usable_rows_says_so(corpus: Corpus, rows: list[str]) -> None:
    for name in ("a.jsonl", "b.jsonl", "c.jsonl"):
        corpus.path(name).unlink()
    corpus.write("none.jsonl", rows)
    corpus.register()
    result = corpus.materialize("samples", "embeddings", "token_scores")
    usable = corpus.checks(result)["samples.rows_usable"]
    assert not usable.passed
    assert ("no rows" if not rows else "unreadable_line 2, empty_response 1): ") in (
        usable.description
    )
    message = failure(corpus.materialize("contenders", succeeds=False))
    assert "no row of 'tiny' is usable: " in message
    assert ("its files have no rows" if not rows else "rows are unreadable_line") in message
    assert "\n" not in message.strip()
    corpus.materialize("neighbours")
    assert corpus.frame("neighbours").height == 0


def test_no_file_at_all(corpus: Corpus) -> None:
    corpus.register()
    for name in ("a.jsonl", "b.jsonl", "c.jsonl"):
        corpus.path(name).unlink()
    message = failure(corpus.materialize("samples", succeeds=False))
    assert "samples: 3 of 3 partitions failed" in message
    assert "no file of the corpus gives the shard" in message


def test_a_file_replaced_while_it_is_read_is_read_again(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus.register()
    real, replaced = known_rows.shard_items, []

    def shard_items(spec, config):
        for row, item in enumerate(real(spec, config)):
            if not replaced and row == 3:
                replaced.append(spec.key)
                corpus.write("a.jsonl", make_rows(8, 5))
            yield item

    monkeypatch.setattr(known_rows, "shard_items", shard_items)
    a = corpus.shard("a-")
    corpus.materialize("samples", partitions=[a])
    assert replaced == [a]
    assert [text[-3:] for text in corpus.frame("samples", a)["instruction"]] == [
        f"8.{row}" for row in range(5)
    ]


def test_a_file_that_keeps_changing_fails_and_keeps_the_old_rows(
    materialized: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, count = known_rows.shard_items, iter(range(100))

    def shard_items(spec, config):
        materialized.write("a.jsonl", make_rows(8, 5 + next(count)))
        return real(spec, config)

    monkeypatch.setattr(known_rows, "shard_items", shard_items)
    a = materialized.shard("a-")
    before = materialized.store.info(NAME, "samples", a)
    message = failure(materialized.materialize("samples", partitions=[a], succeeds=False))
    assert "the file keeps changing while it is read; try again" in message
    assert materialized.store.info(NAME, "samples", a) == before


def test_file_versions_follow_the_file(tmp_path: Path, corpus: Corpus) -> None:
    from tshirt_assets.corpus.shards import discover_shards

    [spec] = [s for s in discover_shards(corpus.config) if s.key.startswith("a-")]
    before = readers.file_version(spec)
    assert readers.file_version(spec) == before
    corpus.write("a.jsonl", make_rows(0, 11))
    assert readers.file_version(spec) != before
