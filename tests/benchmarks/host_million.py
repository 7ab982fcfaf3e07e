"""A whole run of a million rows, said step by step; what is measured is kept as it goes.

    python -m tests.benchmarks.host_million              # 1,000,000 rows: half an hour of CPU time
    python -m tests.benchmarks.host_million 200000

As `host` measures it, in this process. The rows are written once and kept for the next time;
everything else begins anew. Prints each step, and writes what it took to build/host-ROWS.json:
where the run is cut off, the steps before it are there. A size whole in itself goes into
build/host.json as well, if that is there, whose table then says how it compares.
"""

import argparse
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.host import MILLION, add_size, first_run
from tests.benchmarks.host_corpus import BUILD, HostCorpus
from tests.benchmarks.host_run import MODULES, StepClock, cpu_seconds, load_modules, run_here
from tests.benchmarks.host_table import table
from tests.benchmarks.stub_models import install

FIGURES = BUILD.with_name("host.json")


class KeptClock(StepClock):
    """Writes what all steps so far took after each."""

    def __init__(self, target: Path, rows: int) -> None:
        super().__init__()
        self._target, self._rows = target, rows
        self._from, self._wall = cpu_seconds(), time.perf_counter()

    def _hear(self, event: str, asset: str) -> None:
        super()._hear(event, asset)
        if event == "STEP_SUCCESS":
            spent, wall = cpu_seconds() - self._from, time.perf_counter() - self._wall
            print(f"  so far {1e6 * spent / self._rows:,.0f} µs/row, {wall:,.0f} s", flush=True)
            self.keep(False, cpu=spent, wall=wall, peak_mib=max(self.peaks.values()))

    def keep(self, finished: bool, **whole: float) -> None:
        """Write it; `whole`: what the run took, its time between the steps included."""
        per_row = {name: 1e6 * seconds / self._rows for name, seconds in self.seconds.items()}
        found = {"rows": self._rows, "finished": finished, **whole}
        found |= {"us_per_row": 1e6 * whole["cpu"] / self._rows}
        found |= {"assets": per_row, "asset_peaks": self.peaks}
        self._target.write_text(json.dumps(found, indent=2))


def fresh(rows: int) -> HostCorpus:
    """A corpus of so many rows, of which nothing has been computed."""
    folder = BUILD / "sizes" / str(rows)
    written = folder / "rows.written"
    if not written.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        HostCorpus.create(folder, rows)
        written.touch()
    corpus = HostCorpus(folder)
    for made in ("store", "home", "exports"):
        shutil.rmtree(folder / made, ignore_errors=True)
    corpus.configure()
    return corpus


def put_beside_others(rows: int, whole: dict[str, Any]) -> None:
    """Add a size to the figures of `host`, and print their table."""
    if FIGURES.is_file():
        figures = json.loads(FIGURES.read_text())
        add_size(figures, rows, whole)
        FIGURES.write_text(json.dumps(figures, indent=2))
        print(table(figures))


def main() -> None:
    """Measure one size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=MILLION)
    rows = parser.parse_args().rows
    target = BUILD.with_name(f"host-{rows}.json")
    if not MODULES.is_file():
        first_run(BUILD / "first")
    corpus = fresh(rows)
    os.environ["DAGSTER_HOME"] = str(corpus.folder / "home")
    install()
    load_modules()
    clock = KeptClock(target, rows)
    found = run_here(corpus.file, clock)
    clock.keep(True, cpu=found["cpu"], wall=found["wall"], peak_mib=found["peak_mib"])
    print(f"written: {target}")
    put_beside_others(rows, found)


if __name__ == "__main__":
    main()
