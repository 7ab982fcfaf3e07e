"""`tshirt-assets run --workers 2`: the same result with workers that die, fail or are stopped."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import psutil
import pytest
from polars.testing import assert_frame_equal

from tests.corpora import SHARD_WISE, Corpus, make_rows
from tests.runs.troubled import Trouble, troubled
from tests.store.store_workers import said, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

CODE = "from tshirt_assets.cli import main; main(prog_name='tshirt-assets')"
PHASES = ("samples", "token_scores", "contenders", "robust_scores", "selected_subset")
SCORED = ("samples", "token_scores", "robust_scores")
RECIPES = {"tshirt": {"method": "tshirt", "budget": 4}, "ifd": {"method": "ifd", "budget": 4}}


@pytest.fixture
def small(tmp_path: Path, tiny_models: Path) -> Corpus:
    """Five shards; no recipe needs vectors."""
    corpus = Corpus(tmp_path / "corpus", tiny_models, {"recipes": RECIPES})
    for number, name in enumerate("abcde"):
        corpus.write(f"{name}.jsonl", make_rows(number, 6))
    return corpus


@dataclass
class Command:
    """`tshirt-assets run` on a corpus, with what goes wrong in its processes."""

    corpus: Corpus
    folder: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, corpus: Corpus, folder: Path, *troubles: Trouble, workers: int = 2) -> "Command":
        variables = troubled(folder, *troubles)
        with (folder / "stderr").open("w") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-c", CODE, "run", str(corpus.file), "--workers", str(workers)],
                env=os.environ
                | {"DAGSTER_HOME": str(corpus.home), "OMP_NUM_THREADS": "1"}
                | variables,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )
        return cls(corpus, folder, process)

    @property
    def lines(self) -> list[str]:
        """What it and its workers said on stderr."""
        return (self.folder / "stderr").read_text().splitlines()

    @property
    def warnings(self) -> list[str]:
        return [line for line in self.lines if "another worker tries again" in line]

    @property
    def errors(self) -> list[str]:
        """What was given up; a shard that fails is also an error in the log of its worker."""
        return [
            line
            for line in self.lines
            if line.startswith("error: ") and " failed: RuntimeError" not in line
        ]

    def code(self) -> int:
        return self.process.wait(1500)

    def hangs(self) -> list[psutil.Process]:
        """Its workers, once one of them hangs."""
        wait_for(lambda: self.process.poll() is not None or said(self.folder / "troubles"), 900)
        processes = psutil.Process(self.process.pid).children(recursive=True)
        return [found for found in processes if found.ppid() != self.process.pid]  # forked


def statuses(corpus: Corpus) -> Counter[str]:
    with dg.DagsterInstance.from_config(str(corpus.home)) as instance:
        return Counter(run.status.value for run in instance.get_runs())


def test_workers_make_what_one_process_makes(
    corpus: Corpus, finished: Corpus, tmp_path: Path
) -> None:
    """Each loads each model once, whatever it makes; the command itself loads none."""
    command = Command.start(corpus, tmp_path / "log")
    assert command.code() == 0, command.lines
    for asset in SHARD_WISE:
        expected, made = finished.frame(asset), corpus.frame(asset)
        assert_frame_equal(made, expected, abs_tol=2e-5)
    for recipe in corpus.config.recipes:
        made = corpus.frame("selected_subset", recipe)
        assert made["sample_id"].equals(finished.frame("selected_subset", recipe)["sample_id"])
    assert corpus.stale() == {}
    assert set(statuses(corpus)) == {"SUCCESS"}

    loads = Counter(said(tmp_path / "log" / "loads"))
    assert set(loads.values()) == {1}
    processes = Counter(line.split()[0] for line in loads)
    assert str(command.process.pid) not in processes
    assert len(processes) == 2
    assert max(processes.values()) == 2  # the embedder and the scorer
    made_by = Counter(
        run.tags["tshirt-assets/worker"] for run in corpus.instance.get_runs() if run.tags
    )
    assert set(made_by) == {"1", "2"}


def test_a_worker_is_killed_in_each_phase(small: Corpus, tmp_path: Path) -> None:
    command = Command.start(small, tmp_path / "log", *(Trouble(asset, "kill") for asset in PHASES))
    assert command.code() == 0, command.lines
    assert len(said(tmp_path / "log" / "troubles")) == len(PHASES)
    assert len(command.warnings) == len(PHASES)
    assert all("was killed by SIGKILL" in line for line in command.warnings)
    assert command.errors == []
    found = statuses(small)
    assert found.pop("FAILURE") == len(PHASES)
    assert set(found) == {"SUCCESS"}

    alone = Corpus(tmp_path / "alone", small.models, {"recipes": RECIPES})
    for path in (small.folder / "rows").iterdir():
        alone.path(path.name).write_bytes(path.read_bytes())
    assert Command.start(alone, tmp_path / "alone_log", workers=1).code() == 0
    for asset in SCORED:
        assert_frame_equal(small.frame(asset), alone.frame(asset), abs_tol=2e-5)
    for recipe in RECIPES:
        assert_frame_equal(
            small.frame("selected_subset", recipe),
            alone.frame("selected_subset", recipe),
            abs_tol=2e-5,
        )


def test_a_shard_that_fails_on_one_worker_is_made_by_another(small: Corpus, tmp_path: Path) -> None:
    command = Command.start(small, tmp_path / "log", Trouble("token_scores", "fail", "b"))
    assert command.code() == 0, command.lines
    [warning] = command.warnings
    assert "token_scores" in warning
    assert "the device is broken" in warning
    assert command.errors == []
    loads = Counter(line.split()[0] for line in said(tmp_path / "log" / "loads"))
    assert len(loads) == 3  # the worker that failed was replaced
    assert set(loads.values()) == {1}


def test_shards_that_fail_or_kill_twice_are_given_up(small: Corpus, tmp_path: Path) -> None:
    small.configure(shards_per_run=2)
    command = Command.start(
        small,
        tmp_path / "log",
        Trouble("token_scores", "kill", "b", always=True),
        Trouble("token_scores", "fail", "d", always=True),
    )
    assert command.code() == 1
    errors = "\n".join(command.errors)
    b, d = small.shard("b"), small.shard("d")
    assert f"error: token_scores of {b}: worker " in errors
    assert "was killed by SIGKILL" in errors
    assert f"{d}: the device is broken" in errors
    made = small.instance.get_materialized_partitions(small.key("token_scores"))
    assert made == set(small.shards) - {b, d}
    assert statuses(small)["STARTED"] == 0

    again = Command.start(small, tmp_path / "again")
    assert again.code() == 0, again.lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_command(
    small: Corpus, tmp_path: Path, number: signal.Signals
) -> None:
    command = Command.start(small, tmp_path / "log", Trouble("token_scores", "hang", always=True))
    workers = command.hangs()
    assert len(workers) == 2, command.lines
    time.sleep(0.2)
    told = time.monotonic()
    os.killpg(command.process.pid, number)  # as a terminal does it
    code = command.process.wait(30)
    _, left = psutil.wait_procs(workers, timeout=30)
    assert not left
    assert time.monotonic() - told < 10
    assert code == (-9 if number is signal.SIGKILL else 130)
    assert not any("Traceback" in line for line in command.lines)
    if number is not signal.SIGKILL:
        assert command.lines[-1] == "interrupted; run again to continue"
    found = statuses(small)
    assert set(found) == {"SUCCESS", "CANCELED"}
    assert found["CANCELED"] == 2
