"""How much sooner four workers are done than one, where the model takes its time but no CPU."""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.benchmarks.host_corpus import HostCorpus
from tests.benchmarks.rows import ROOT
from tests.benchmarks.stub_models import SLEEP
from tshirt_assets.cli import run

WORKERS, FILES, ROWS = 4, 16, 4_000
DEVICE_SECONDS = "0.15"  # per 1,000 tokens: six minutes in all for one worker
STUBBED = "from tests.benchmarks.stub_models import install\ninstall()\n"
COMMAND = "from tshirt_assets.cli import main; main()"


def can_have_workers() -> bool:
    """Whether `tshirt-assets run` has the option --workers."""
    return any("--workers" in option.opts for option in run.params)


def speedup(folder: Path, rows: int = ROWS) -> float:
    """Wall-clock time with one worker over that with WORKERS; both from an empty store."""
    one, many = (
        seconds(HostCorpus.create(folder / str(count), rows, FILES), "--workers", str(count))
        for count in (1, WORKERS)
    )
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
