"""How much sooner four workers are done than one, where the model takes its time but no CPU.

    python -m tests.benchmarks.host_workers              # on its own: half an hour
    python -m tests.benchmarks.host_workers 4000         # fewer rows: more of it is the start

The claim is about devices: that four of them work at the same time, and hardly wait for the host.
So the stub sleeps far longer than the host computes: 24 minutes in all, against about one CPU
minute. On a GPU, where a run takes hours, the host's share is smaller still; with less sleep the
figure would be about two cores shared by four workers. Sixteen files, because a worker that is done
first takes another one; with four, all would wait for that with the most tokens.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.host_corpus import BUILD, HostCorpus
from tests.benchmarks.rows import ROOT
from tests.benchmarks.stub_models import SLEEP
from tshirt_assets.cli import run

WORKERS, FILES, ROWS = 4, 16, 32_000
DEVICE_SECONDS = "0.1"  # per 1,000 tokens, of which there are about 450 a row
STUBBED = "from tests.benchmarks.stub_models import install\ninstall()\n"
COMMAND = "from tshirt_assets.cli import main; main()"


def can_have_workers() -> bool:
    """Whether `tshirt-assets run` has the option --workers."""
    return any("--workers" in option.opts for option in run.params)


def speedup(folder: Path, rows: int = ROWS) -> float:
    """Wall-clock time with one worker over that with WORKERS; both from an empty store."""
    taken = []
    for count in (1, WORKERS):
        corpus = HostCorpus.create(folder / str(count), rows, FILES)
        taken.append(seconds(corpus, "--workers", str(count)))
        load = os.getloadavg()[1]
        said = f"--workers {count}: {taken[-1]:.0f} s; load {load:.1f} on {os.cpu_count()} cores"
        print(said, file=sys.stderr, flush=True)
    one, many = taken
    return one / many


def seconds(corpus: HostCorpus, *options: str) -> float:
    """Wall-clock time of `tshirt-assets run`; its own processes have stubs for models, too."""
    site = corpus.folder / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(STUBBED)
    environment = os.environ | {
        "DAGSTER_HOME": str(corpus.folder / "home"),
        "PYTHONPATH": os.pathsep.join((str(site), str(ROOT))),
        SLEEP: DEVICE_SECONDS,
    }
    command = [sys.executable, "-c", COMMAND, "run", str(corpus.file), *options]
    started = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as name:
        found = speedup(Path(name), *map(int, sys.argv[1:2]))
        print(f"workers_4_speedup: {found:.2f}")
