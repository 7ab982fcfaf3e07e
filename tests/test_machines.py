"""docs/machines.md: its workers do together what one run does, on one machine and on Ray.

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

import numpy as np
import psutil
import pytest
import yaml

from tests.corpora import NAME, Corpus
from tests.documents import blocks, shell_blocks
from tests.webserver import dagster_dev, free_port

pytestmark = pytest.mark.slow

PAGE = ["docs/machines.md"]
RAY = "ray start"
[SCRIPT] = [b.translated for b in shell_blocks(PAGE) if "materialize" in b.text]
LAUNCHER, POOLS = (
    next(block.text for block in blocks("yaml", PAGE) if name in block.text)
    for name in ("run_launcher:", "concurrency:")
)
STARTS = [line for b in shell_blocks(PAGE) for line in b.commands if line.startswith(RAY)]
ASSETS = ("samples", "embeddings", "token_scores")


def assert_same_scores(ours: Any, whole: Any) -> None:
    assert ours["sample_id"].equals(whole["sample_id"])
    assert ours["identity"].equals(whole["identity"])
    np.testing.assert_allclose(ours["ifd"], whole["ifd"], rtol=1e-4)


def test_two_workers_do_what_one_run_does(corpus: Corpus, finished: Corpus) -> None:
    """The page's commands, as written, by a shell, on the small corpus with its three shards."""
    corpus.register()
    a, b, c = (corpus.shard(name) for name in "abc")
    script = SCRIPT.replace("corpus.yaml", shlex.quote(str(corpus.file)))
    subprocess.run(
        ["bash", "-euc", script],
        env=os.environ
        | {"FIRST": a, "MIDDLE": b, "NEXT": c, "LAST": c}
        | {"DAGSTER_HOME": str(corpus.home), "OMP_NUM_THREADS": "1"}
        | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        check=True,
        timeout=500,
    )
    for asset in ASSETS:
        assert set(corpus.instance.get_materialized_partitions(corpus.key(asset))) == {a, b, c}
    assert_same_scores(corpus.frame("token_scores"), finished.frame("token_scores"))


def test_ray_places_each_run_on_a_worker(corpus: Corpus, finished: Corpus) -> None:
    """The page's launcher and its `ray start` lines, with two workers of one (pretended) GPU."""
    pytest.importorskip("dagster_ray", reason="needs dagster-ray: pip install 'tshirt-assets[ray]'")
    from ray.job_submission import JobSubmissionClient

    from tests.graphql import Backend

    corpus.register()
    a, _, c = corpus.shards
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
        launched = [backend.backfill(paths, partitionNames=[shard]) for shard in (a, c)]
        ended = [backend.wait_for_backfill(backfill) for backfill in launched]
        assert [backfill["status"] for backfill in ended] == ["COMPLETED_SUCCESS"] * 2
        jobs = {job.submission_id: job for job in JobSubmissionClient(address).list_jobs()}
    runs = [run["runId"] for backfill in ended for run in backfill["runs"]]
    assert set(jobs) == {f"dagster-run-{run}" for run in runs}
    assert len({job.driver_node_id for job in jobs.values()}) == 2
    for shard in (a, c):
        stored = [
            made.store.read(NAME, "token_scores", shard).to_pandas() for made in (corpus, finished)
        ]
        assert_same_scores(*stored)


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
