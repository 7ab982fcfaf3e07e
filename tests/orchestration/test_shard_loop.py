"""The loop over the shards of a run: one that fails stops no other."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from tests.corpora import NAME, Corpus, make_rows
from tests.incremental.test_dataset import failure
from tshirt_assets.scoring import clean


def test_a_corrupt_file_fails_alone_and_is_named(corpus: Corpus) -> None:
    corpus.path("bad.parquet").write_bytes(b"PAR1 this is not Parquet PAR1")
    corpus.register()
    bad = corpus.shard("bad-")
    result = corpus.materialize("samples", "token_scores", succeeds=False)
    message = failure(result)
    assert "samples: 1 of 4 partitions failed; the finished ones are kept" in message
    assert bad in message
    assert "not a readable Parquet file" in message
    good = [shard for shard in corpus.shards if shard != bad]
    assert corpus.instance.get_materialized_partitions(corpus.key("samples")) == set(good)
    assert corpus.store.info(NAME, "samples", bad) is None
    failed = result.get_step_failure_events()[0].step_failure_data.user_failure_data
    assert failed is not None
    assert list(failed.metadata["failed"].value) == [bad]

    corpus.path("bad.parquet").unlink()
    corpus.write("bad.jsonl", make_rows(9, 2))
    corpus.register()
    corpus.materialize("samples", partitions=[corpus.shards[-1]])


def test_an_exception_in_one_shard_leaves_the_others_and_the_next_run_does_the_rest(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus.register()
    corpus.materialize("samples")
    b = corpus.shard("b-")
    doomed = set(corpus.frame("samples", b)["sample_id"])
    scored: list[str] = []
    real = clean.clean_scores

    def clean_scores(engine: Any, samples: Sequence[Any]) -> Any:
        ids = [sample.sample_id for sample in samples]
        if doomed & set(ids):
            raise MemoryError("CUDA out of memory")
        scored.extend(ids)
        return real(engine, samples)

    monkeypatch.setattr(clean, "clean_scores", clean_scores)
    message = failure(corpus.materialize("token_scores", succeeds=False))
    assert "token_scores: 1 of 3 partitions failed" in message
    assert f"First: {b}: CUDA out of memory" in message
    done = corpus.instance.get_materialized_partitions(corpus.key("token_scores"))
    assert done == set(corpus.shards) - {b}
    assert len(scored) == 21

    doomed.clear()
    corpus.materialize("token_scores")
    assert len(scored) == 31
    assert [corpus.metadata("token_scores", shard)["computed"] for shard in corpus.shards] == [
        0,
        10,
        0,
    ]
    assert corpus.instance.get_materialized_partitions(corpus.key("token_scores")) == set(
        corpus.shards
    )


def test_every_partition_has_its_own_data_version_after_a_range_run(finished: Corpus) -> None:
    for asset in ("samples", "token_scores", "miwv_scores"):
        versions = {finished.version(asset, shard) for shard in finished.shards}
        assert len(versions) == 3
        records = finished.instance.fetch_materializations(finished.key(asset), limit=10).records
        assert len(records) == 3  # logged once each, not again at the end of the run


def test_stored_metadata_is_plain_json(finished: Corpus) -> None:
    for asset, partition in finished.places():
        values = finished.metadata(asset, partition)
        values.pop("dagster/column_schema", None)  # Dagster's own type
        json.dumps(values)
