"""Several processes work on one corpus at once, as the runs of a backfill on several workers do."""

import shutil
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.corpora import NAME, SCORED, Corpus, make_rows
from tests.runs.processes import materialize, rewrite, start
from tests.store.store_workers import said
from tshirt_assets.export.load import load_subset

pytestmark = pytest.mark.slow
READ_AND_SCORED = ("samples", "embeddings", "token_scores")
DEEP = ("robust_scores", "miwv_scores")


@pytest.fixture(scope="module")
def four_shards(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> Corpus:
    corpus = Corpus(tmp_path_factory.mktemp("four") / "corpus", tiny_models)
    for number, name in enumerate("abcd"):
        corpus.write(f"{name}.jsonl", [*make_rows(number, 6), make_rows(9, 1)[0]])
    corpus.register()
    return corpus


def copied(corpus: Corpus, folder: Path) -> Corpus:
    shutil.copytree(corpus.folder, folder)
    return Corpus(folder, corpus.models, corpus.options)


def finish(processes: Sequence[BaseProcess], log: Path) -> None:
    """Wait for processes that share a log; all of them must have succeeded."""
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * len(processes)
    assert said(log).count("finished") == len(processes)


def test_four_processes_score_different_shards_at_once(four_shards: Corpus, tmp_path: Path) -> None:
    expected = copied(four_shards, tmp_path / "alone")
    expected.materialize_all()

    corpus, log = copied(four_shards, tmp_path / "together"), tmp_path / "log"
    for assets, then in ((READ_AND_SCORED, ("contenders", "neighbours")), (DEEP, ())):
        log.unlink(missing_ok=True)
        finish(
            [
                start(materialize, corpus.folder, corpus.models, {}, log, assets, [shard])
                for shard in corpus.shards
            ],
            log,
        )
        if then:
            corpus.materialize(*then)
    for asset in ("samples", *SCORED, "contenders", "neighbours"):
        assert_frame_equal(corpus.frame(asset), expected.frame(asset), abs_tol=2e-5)
    assert not [name for name in corpus.store.database.names() if "_staging" in name]
    for asset in (*READ_AND_SCORED, *DEEP):
        for shard in corpus.shards:
            assert len(corpus.records(asset, shard, limit=9)) == 1
    corpus.materialize("selected_subset")
    assert corpus.stale() == {}


def test_a_shard_is_scored_again_and_again_while_another_process_selects(
    four_shards: Corpus, tmp_path: Path
) -> None:
    corpus = copied(four_shards, tmp_path / "corpus")
    corpus.configure(recipes={"longest": {"method": "longest", "budget": 12}})
    corpus.materialize_all()
    log = tmp_path / "log"
    arguments = (corpus.folder, corpus.models, corpus.options, log)
    writer = start(rewrite, *arguments, corpus.shards[0], 6)
    subsets = []
    try:
        while writer.is_alive():
            corpus.materialize("selected_subset")
            subsets.append(load_subset(corpus.config.store, NAME, "longest"))
    finally:
        writer.join()
    assert writer.exitcode == 0
    assert said(log)[-1] == "finished"

    assert len(subsets) >= 3
    for subset in subsets:
        assert subset.height == 12
        assert subset["sample_id"].n_unique() == 12
        # The rows of the changing file are of one state of it: "... STATE.ROW", unless from all.
        changing = subset.filter(pl.col("shard") == corpus.shards[0])["instruction"]
        states = {text.split()[-1].split(".")[0] for text in changing} - {"9"}
        assert len(states) <= 1
    corpus.materialize("contenders", "neighbours")
    corpus.materialize(*DEEP)
    corpus.materialize("selected_subset")
    fresh = Corpus(tmp_path / "fresh", corpus.models, corpus.options)
    for name in "abcd":
        shutil.copy(corpus.path(f"{name}.jsonl"), fresh.path(f"{name}.jsonl"))
    fresh.materialize_all()
    for asset in ("samples", *SCORED):
        assert_frame_equal(corpus.frame(asset), fresh.frame(asset), abs_tol=2e-5)
    rows = sum(info.rows for info in corpus.store.stored(NAME, "samples"))
    assert rows == fresh.frame("samples").height
