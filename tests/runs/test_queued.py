"""`tshirt-assets run --queued`: a running Dagster does it; a run that is killed is made up for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.corpora import NAME, Corpus
from tests.runs.troubled import Trouble, troubled
from tests.store.store_workers import said
from tests.webserver import dagster_dev
from tshirt_assets.cli import main

CODE = "from tshirt_assets.cli import main; main(prog_name='tshirt-assets')"


def run_queued(corpus: Corpus) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CODE, "run", str(corpus.file), "--queued"],
        env=os.environ | {"DAGSTER_HOME": str(corpus.home)},
        capture_output=True,
        text=True,
        timeout=1500,
    )


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_queue_makes_a_corpus_although_a_run_is_killed(
    corpus: Corpus, finished: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus.configure(shards_per_run=2)
    corpus.path("broken.parquet").write_bytes(b"PAR1 not parquet at all PAR1")
    variables = troubled(tmp_path / "log", Trouble("token_scores", "kill", "b"))
    with monkeypatch.context() as patched:
        for variable, value in variables.items():
            patched.setenv(variable, value)
        with dagster_dev(corpus.file, corpus.home):
            done = run_queued(corpus)
    assert done.returncode == 1, done.stderr  # because of the broken file
    assert "broken" in done.stderr
    assert "Traceback" not in done.stderr
    assert said(tmp_path / "log" / "troubles") == [f"kill token_scores {corpus.shard('b')}"]
    for asset in ("token_scores", "miwv_scores"):
        for shard in finished.shards:
            made, expected = (c.store.read(NAME, asset, shard) for c in (corpus, finished))
            assert made["sample_id"].equals(expected["sample_id"])
            assert made["identity"].equals(expected["identity"])
    for recipe in corpus.config.recipes:
        ours, theirs = (c.frame("selected_subset", recipe) for c in (corpus, finished))
        assert ours["sample_id"].equals(theirs["sample_id"])
    made_in = [
        {corpus.records(asset, shard)[0].run_id for shard in finished.shards}
        for asset in ("samples", "robust_scores")
    ]
    assert [len(runs) for runs in made_in] == [2, 2]


def test_without_a_daemon_there_is_no_queue(corpus: Corpus) -> None:
    environment = {"DAGSTER_HOME": str(corpus.home)}
    result = CliRunner().invoke(main, ["run", str(corpus.file), "--queued"], env=environment)
    assert result.exit_code == 2
    assert "error: --queued: no Dagster daemon works on " in result.stderr
    assert corpus.instance.get_backfills() == []


def test_a_queue_has_no_workers_of_ours(corpus: Corpus) -> None:
    words = ["run", str(corpus.file), "--queued", "--workers", "2"]
    result = CliRunner().invoke(main, words, env={"DAGSTER_HOME": str(corpus.home)})
    assert result.exit_code == 2
    assert "drop --workers" in result.stderr
