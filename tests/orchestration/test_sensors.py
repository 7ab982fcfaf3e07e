"""The sensor that registers shards and notices files."""

import os

import dagster as dg

from tests.corpora import Corpus, make_rows


def test_registers_every_shard_once_in_natural_order(corpus: Corpus) -> None:
    corpus.write("shard10.jsonl", make_rows(4, 1))
    corpus.write("shard2.jsonl", make_rows(5, 1))
    corpus.sensor_tick()
    assert [key.split("-")[0] for key in corpus.shards] == ["a", "b", "c", "shard2", "shard10"]
    again = corpus.sensor_tick()
    assert not again.dynamic_partitions_requests
    assert not again.asset_events


def test_a_long_file_gets_several_shards(corpus: Corpus) -> None:
    corpus.configure(rows_per_shard=4)
    corpus.sensor_tick()
    a = corpus.shard("a-")
    assert [key.removeprefix(a) for key in corpus.shards[:3]] == ["", "-00001", "-00002"]
    corpus.materialize("samples", partitions=corpus.shards[:3])
    rows = [corpus.metadata("samples", key)["dagster/row_count"] for key in corpus.shards[:3]]
    assert rows == [4, 4, 2]


def test_a_changed_file_makes_its_samples_stale_until_they_are_read(corpus: Corpus) -> None:
    corpus.sensor_tick()
    a, b = corpus.shard("a-"), corpus.shard("b-")
    corpus.materialize("samples")
    assert not {place for place in corpus.stale() if place[0] == "samples"}
    corpus.write("b.jsonl", make_rows(7, 3))
    [event] = corpus.sensor_tick().asset_events
    assert event.partition == b
    stale = corpus.stale()
    assert ("samples", a) not in stale
    assert any("files" in reason or "data version" in reason for reason in stale["samples", b])
    corpus.materialize("samples", partitions=[b])
    assert ("samples", b) not in corpus.stale()
    assert corpus.metadata("samples", b)["dagster/row_count"] == 3


def test_a_touched_file_is_read_again_and_leaves_what_follows_fresh(materialized: Corpus) -> None:
    a = materialized.shard("a-")
    os.utime(materialized.path("a.jsonl"), (1, 1))
    materialized.sensor_tick()
    assert ("samples", a) in materialized.stale()
    before = materialized.version("samples", a)
    materialized.materialize("samples", partitions=[a])
    assert materialized.version("samples", a) == before
    assert materialized.stale() == {}


def test_says_why_when_no_file_is_there(corpus: Corpus) -> None:
    for name in ("a", "b", "c"):
        corpus.path(f"{name}.jsonl").unlink()
    sensor = corpus.defs.resolve_sensor_def("tiny_shards")
    result = sensor(dg.build_sensor_context(corpus.instance))
    assert isinstance(result, dg.SkipReason)
    assert "no file matches; check `paths`" in (result.skip_message or "")
