"""docs/machines.md: its workers do together what one run does, with PostgreSQL and on Ray.

That its settings are valid is tested with those of the other pages, in test_docs.py.
"""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import psutil
import pytest
import yaml

from tests import postgres
from tests.corpora import NAME, Corpus, make_rows
from tests.documents import blocks, shell_blocks
from tests.webserver import dagster_dev, free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

PAGE = ["docs/machines.md"]
RAY = "ray start"
LAUNCHER, POOLS, STORAGE = (
    next(block.text for block in blocks("yaml", PAGE) if name in block.text)
    for name in ("run_launcher:", "concurrency:", "postgres_url:")
)
COMMANDS = [line for block in shell_blocks(PAGE) for line in block.commands]
STARTS = [line for line in COMMANDS if line.startswith(RAY)]
WORKERS = [line for line in COMMANDS if "--workers" in line]
ASSETS = ("samples", "embeddings", "token_scores")


def assert_same_scores(ours: Any, whole: Any) -> None:
    assert ours["sample_id"].equals(whole["sample_id"])
    assert ours["identity"].equals(whole["identity"])
    np.testing.assert_allclose(ours["ifd"], whole["ifd"], rtol=1e-4)


def test_workers_share_a_corpus_and_record_it_in_postgres(
    corpus: Corpus, finished: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page's settings and its last command, as written, with more workers than SQLite likes."""
    pytest.importorskip("dagster_postgres", reason="needs the extra `postgres`")
    reason = postgres.missing()
    if reason is not None:
        pytest.skip(reason)
    for number, name in enumerate("de"):
        corpus.write(f"{name}.jsonl", make_rows(3 + number, 8))
    (corpus.home / "dagster.yaml").write_text(STORAGE)
    with postgres.postgres_server() as url:
        monkeypatch.setenv("DAGSTER_POSTGRES_URL", url)
        said = run_as_written(WORKERS[-1], corpus)
        assert "SQLite" not in said
        with dg.DagsterInstance.from_config(str(corpus.home)) as instance:
            runs = instance.get_runs()
            shards = instance.get_dynamic_partitions(NAME)
            made = instance.get_materialized_partitions(corpus.key("miwv_scores"))
    assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
    assert len({run.tags["tshirt-assets/worker"] for run in runs}) == 5
    assert set(made) == set(shards)
    for shard in finished.shards:
        assert_same_scores(*(stored(which, shard) for which in (corpus, finished)))


def run_as_written(line: str, corpus: Corpus) -> str:
    """Run a command of the page about a corpus; returns what it said on stderr."""
    environment = {
        "DAGSTER_HOME": str(corpus.home),
        "OMP_NUM_THREADS": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-c", line],
        env=os.environ | environment,
        cwd=corpus.folder,
        capture_output=True,
        text=True,
        timeout=1500,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def stored(corpus: Corpus, shard: str) -> Any:
    """Stored token scores of a shard."""
    return corpus.store.read(NAME, "token_scores", shard).to_pandas()


def test_ray_places_each_run_on_a_worker(corpus: Corpus, finished: Corpus) -> None:
    """The page's launcher and its `ray start` lines, with two workers of one (pretended) GPU."""
    pytest.importorskip("dagster_ray", reason="needs dagster-ray: pip install 'tshirt-assets[ray]'")
    from ray.job_submission import JobSubmissionClient

    from tests.graphql import Backend

    corpus.configure(shards_per_run=1)
    corpus.register()
    a, b, c = corpus.shards
    port, dashboard = free_port(), free_port()
    address = f"http://127.0.0.1:{dashboard}"
    settings = yaml.safe_load(POOLS) | yaml.safe_load(LAUNCHER)
    settings["run_launcher"]["config"]["ray"]["address"] = address
    settings["run_launcher"]["config"]["ray"]["env_vars"] += ["PYTHONPATH", "OMP_NUM_THREADS"]
    (corpus.home / "dagster.yaml").write_text(yaml.safe_dump(settings))
    head, worker = (shlex.split(line.replace("6379", str(port))) for line in STARTS)
    folder = ["--node-ip-address=127.0.0.1", f"--dashboard-port={dashboard}", "--num-cpus=2"]
    with (
        ray_node([*head, *folder]),
        ray_node([*worker, "--num-cpus=2"]),
        dagster_dev(corpus.file, corpus.home) as url,
    ):
        backend = Backend(url)
        paths = [[NAME, asset] for asset in ASSETS]
        done = backend.wait_for_backfill(backend.backfill(paths, partitionNames=[a, b, c]))
        assert done["status"] == "COMPLETED_SUCCESS", done
        jobs = {job.submission_id: job for job in JobSubmissionClient(address).list_jobs()}
    assert len(done["runs"]) == 3
    assert set(jobs) == {f"dagster-run-{run['runId']}" for run in done["runs"]}
    assert len({job.driver_node_id for job in jobs.values()}) == 2
    for shard in (a, b, c):
        assert_same_scores(*(stored(which, shard) for which in (corpus, finished)))


@contextmanager
def ray_node(command: Sequence[str]) -> Iterator[None]:
    """A Ray node in a session of its own; at the end all of it is ended."""
    program = str(Path(sys.executable).with_name("ray"))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    node = subprocess.Popen(
        [program, *command[1:], "--block", "--disable-usage-stats"],
        env=os.environ | {"PATH": path, "RAY_USAGE_STATS_ENABLED": "0"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        below = psutil.Process(node.pid).children(recursive=True)
        node.terminate()
        _, left = psutil.wait_procs([psutil.Process(node.pid), *below], timeout=30)
        for process in left:
            process.kill()
        node.wait()
