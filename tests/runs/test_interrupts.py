"""Ctrl-C and SIGTERM on a real `tshirt-assets run`: canceled at once, and continued by the next."""

import os
import signal
import subprocess
import sys
import time

import dagster as dg
import pytest

from tests.corpora import Corpus

pytestmark = pytest.mark.slow

SLOW = """
import os, sys, time
from dataclasses import replace
from tshirt_assets.incremental import score_table
from tshirt_assets.models import cache

def wait(name):
    print("HERE", name, file=sys.stderr, flush=True)
    while True:
        try:
            time.sleep(600)
        except BaseException:
            if "deaf" not in os.environ["SLOW"]:
                raise

real, shared = score_table.ScoreTable.score, cache.shared

def score(self, shard, rows, computation, *rest, **options):
    done = 0
    def slow(work):
        nonlocal done
        done += 1
        if done > 2:
            wait("score")
        return computation.run(work)
    return real(self, shard, rows, replace(computation, run=slow), *rest, **options)

if "score" in os.environ["SLOW"]:
    score_table.FIRST_CHUNK = score_table.LARGEST_CHUNK = 2
    score_table.ScoreTable.score = score
if "load" in os.environ["SLOW"]:
    cache.shared = lambda key, load: wait("load")
if "import" in os.environ["SLOW"]:
    class Finder:
        def find_spec(name, path=None, target=None):
            if name == "dagster":
                wait("import")
    sys.meta_path.insert(0, Finder)
from tshirt_assets.cli import main
main(prog_name="tshirt-assets")
"""


@pytest.mark.parametrize(
    ("phase", "number"),
    [
        ("score", signal.SIGINT),
        ("score", signal.SIGTERM),
        ("load", signal.SIGINT),
        ("import", signal.SIGINT),
        ("score, deaf", signal.SIGINT),
    ],
)
def test_a_run_that_is_told_to_stop_is_canceled_within_seconds(
    corpus: Corpus, phase: str, number: signal.Signals
) -> None:
    seconds, code, said = interrupted(corpus, phase, number)
    assert code == 130
    assert said[-1] == "interrupted; run again to continue"
    assert not any("Traceback" in line or "Error" in line for line in said)
    assert seconds < 5
    with dg.DagsterInstance.from_config(str(corpus.home)) as instance:
        runs = [run.status for run in instance.get_runs()]
        assert set(runs[1:]) <= {dg.DagsterRunStatus.SUCCESS}
        assert phase == "import" or runs[0] is dg.DagsterRunStatus.CANCELED
    if phase == "score":
        assert continued(corpus) == 6  # of ten rows: two chunks of two were kept


def interrupted(corpus: Corpus, phase: str, number: signal.Signals) -> tuple[float, int, list[str]]:
    """Seconds to the end of a run after the signal, its exit code and what it said on stderr."""
    log = corpus.folder / "stderr"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", SLOW, "run", str(corpus.file)],
            env=os.environ | {"DAGSTER_HOME": str(corpus.home), "SLOW": phase},
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 300
        while "HERE" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.2)
        told = time.monotonic()
        os.killpg(process.pid, number)  # as a terminal does it
        code = process.wait(30)
        return time.monotonic() - told, code, log.read_text().splitlines()
    finally:
        process.kill()
        process.wait()


def continued(corpus: Corpus) -> int:
    """Rows of the interrupted shard that the next run computes."""
    corpus.materialize("embeddings")
    return int(corpus.metadata("embeddings", corpus.shards[0])["computed"])
