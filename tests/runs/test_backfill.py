"""Backfills and re-execution through the backend of the UI, with webserver and daemon running.

The tests of this file share one server and build on each other, in the order they are written.
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from tests.corpora import ASSETS, NAME, Corpus, fill, make_rows
from tests.graphql import Backend
from tests.store.store_workers import wait_for
from tests.webserver import dagster_dev

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
READ_AND_SCORED = ("samples", "embeddings", "token_scores")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> Corpus:
    made = fill(Corpus(tmp_path_factory.mktemp("backfill") / "corpus", tiny_models))
    made.register()
    return made


@pytest.fixture(scope="module")
def backend(corpus: Corpus) -> Iterator[Backend]:
    with dagster_dev(corpus.file, corpus.home) as url:
        yield Backend(url)


def paths(*assets: str) -> list[list[str]]:
    return [[NAME, asset] for asset in assets]


def count(corpus: Corpus, asset: str, partition: str) -> int:
    """How often a partition was materialized."""
    return len(corpus.records(asset, partition, limit=100))


def test_one_backfill_materializes_the_whole_graph(corpus: Corpus, backend: Backend) -> None:
    done = backend.wait_for_backfill(backend.backfill(paths(*ASSETS), allPartitions=True))
    assert done["status"] == "COMPLETED_SUCCESS", done
    assert {run["status"] for run in done["runs"]} == {"SUCCESS"}
    assert corpus.stale() == {}
    for asset, partition in corpus.places():
        if partition is not None:
            assert count(corpus, asset, partition) == 1
    for recipe in corpus.config.recipes:
        budget = corpus.metadata("selected_subset", recipe)["budget"]
        assert corpus.frame("selected_subset", recipe).height == budget
    for shard in corpus.shards:
        assert corpus.metadata("miwv_scores", shard)["model_loads"] <= 2
    # A range is one run, not one per shard.
    for asset in ("token_scores", "robust_scores"):
        runs = {record.run_id for s in corpus.shards for record in corpus.records(asset, s, 1)}
        assert len(runs) == 1


def test_one_shard_is_materialized_alone(corpus: Corpus, backend: Backend) -> None:
    b = corpus.shard("b-")
    rows = make_rows(1, 10)
    rows[4]["output"] = "an answer that was not there"
    corpus.write("b.jsonl", rows)
    run = backend.run(paths(*READ_AND_SCORED), b)
    assert backend.wait_for_run(run) == "SUCCESS"
    assert corpus.metadata("token_scores", b)["computed"] == 1
    assert corpus.metadata("token_scores", b)["reused"] == 9
    assert count(corpus, "token_scores", b) == 2
    assert count(corpus, "token_scores", corpus.shard("a-")) == 1
    assert ("contenders", None) in corpus.stale()


def test_a_failed_shard_is_the_only_one_that_re_execution_runs(
    corpus: Corpus, backend: Backend
) -> None:
    corpus.write("d.jsonl", make_rows(4, 4))
    corpus.path("e.parquet").write_bytes(b"PAR1 cut off")
    new = corpus.register()
    d, e = new
    failed = backend.backfill(paths(*READ_AND_SCORED), partitionNames=new)
    done = backend.wait_for_backfill(failed)
    assert "FAILURE" in {run["status"] for run in done["runs"]}, done
    assert corpus.store.info(NAME, "samples", e) is None
    assert count(corpus, "samples", d) == 1
    events = count(corpus, "samples", d), count(corpus, "token_scores", d)

    pl.DataFrame(make_rows(5, 3)).write_parquet(corpus.path("e.parquet"))
    again = backend.wait_for_backfill(backend.reexecute_from_failure(failed))
    assert again["status"] == "COMPLETED_SUCCESS", again
    assert corpus.frame("token_scores", e)["status"].to_list() == ["ok"] * 3
    assert corpus.metadata("token_scores", d)["dagster/row_count"] == 4
    # What was materialized before the failure is not touched again.
    assert count(corpus, "samples", d) == 1
    if events[1]:
        assert count(corpus, "token_scores", d) == events[1]


def test_a_cancelled_run_leaves_whole_chunks_and_nothing_half_written(
    corpus: Corpus, backend: Backend
) -> None:
    corpus.write("f.jsonl", make_rows(6, 20_000))
    [f] = corpus.register()
    corpus.materialize("samples", partitions=[f])
    run = backend.run(paths("token_scores"), f)
    identity = corpus.metadata("token_scores", corpus.shard("a-"))["identity"]
    staging = corpus.store.staging(NAME, "token_scores", f, identity)
    wait_for(staging.read, 300)
    backend.terminate(run)
    assert backend.wait_for_run(run) == "CANCELED"
    assert corpus.store.info(NAME, "token_scores", f) is None
    assert count(corpus, "token_scores", f) == 0
    kept = staging.read()
    assert kept is not None
    assert 0 < kept.num_rows < 20_000
    assert set(kept["status"].to_pylist()) == {"ok"}

    again = backend.run(paths("token_scores"), f)
    assert backend.wait_for_run(again) == "SUCCESS"
    assert corpus.metadata("token_scores", f)["reused"] == kept.num_rows
    assert corpus.metadata("token_scores", f)["computed"] == 20_000 - kept.num_rows
    assert staging.read() is None
