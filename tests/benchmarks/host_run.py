"""One run of a corpus with stubbed models in a process of its own, and what it took of the host.

    python -m tests.benchmarks.host_run CORPUS.yaml RESULT.json [--profile FOLDER]

The code path is that of `tshirt-assets run`. The clock starts behind the imports: all modules that
MODULES names are loaded first; a run that finds no such list writes it.
"""

import argparse
import cProfile
import importlib
import json
import os
import resource
import subprocess
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.benchmarks.host_corpus import BUILD, HostCorpus
from tests.benchmarks.memory import forget_peak, peak
from tests.benchmarks.rows import ROOT
from tests.benchmarks.stub_models import install

MODULES = BUILD / "modules.json"


def measured(corpus: HostCorpus, profile: Path | None = None) -> dict[str, Any]:
    """What one run of the corpus took, in a process of its own.

    cpu, wall: seconds. peak_mib: resident memory. assets: CPU seconds by asset. asset_peaks: MiB
    while an asset ran. rows: how many were computed and how many are stored, by asset. models: how
    many were loaded.
    """
    result = corpus.folder / "run.json"
    command = [sys.executable, "-m", __spec__.name, str(corpus.file), str(result)]
    command += ["--profile", str(profile)] if profile else []
    environment = os.environ | {"DAGSTER_HOME": str(corpus.folder / "home")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{corpus.file}: {done.stderr[-3000:]}")
    return json.loads(result.read_text())


class StepClock:
    """CPU seconds and peak of every step by its asset, from Dagster's events; steps come singly."""

    def __init__(self, profile: Path | None = None) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.peaks: dict[str, float] = defaultdict(float)
        self._profile, self._started = profile, 0.0
        self._profiler = cProfile.Profile(time.thread_time)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Listen to the events of all runs of this process."""
        from dagster import DagsterInstance

        handle = DagsterInstance.handle_new_event

        def heard(instance: DagsterInstance, event: Any, **more: Any) -> None:
            handle(instance, event, **more)
            if event.dagster_event is not None and event.dagster_event.step_key:
                asset = event.dagster_event.step_key.rpartition("__")[2]
                self._hear(event.dagster_event.event_type_value, asset)

        DagsterInstance.handle_new_event = heard  # type: ignore[method-assign]
        try:
            yield
        finally:
            DagsterInstance.handle_new_event = handle  # type: ignore[method-assign]

    def _hear(self, event: str, asset: str) -> None:
        if event == "STEP_START":
            self.peaks["between steps"] = max(self.peaks["between steps"], peak())
            forget_peak()
            self._started = cpu_seconds()
            if self._profile:
                self._profiler = cProfile.Profile(time.thread_time)
                self._profiler.enable()
        elif event in ("STEP_SUCCESS", "STEP_FAILURE"):
            if self._profile:
                self._profiler.disable()
                self._profiler.dump_stats(self._profile / f"{asset}.prof")
            self.seconds[asset] += cpu_seconds() - self._started
            self.peaks[asset] = max(self.peaks[asset], peak())
            print(f"{asset}: {self.seconds[asset]:.1f} CPU s, {peak():,.0f} MiB", flush=True)


def cpu_seconds() -> float:
    """CPU seconds of this process so far: all its threads, and children that have ended."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def load_modules() -> None:
    """Import what the run will need."""
    names = json.loads(MODULES.read_text()) if MODULES.is_file() else []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            with suppress(Exception):  # some can be imported only by those that need them
                importlib.import_module(name)


def write_modules() -> None:
    """Keep the names of all modules that this process has loaded."""
    MODULES.parent.mkdir(parents=True, exist_ok=True)
    MODULES.write_text(json.dumps(sorted(sys.modules.keys() - {"__main__"})))


def work_done(instance: Any, config: Any, since: float) -> dict[str, dict[str, int]]:
    """Rows computed by the materializations of all shards from `since` on, and rows stored."""
    import dagster as dg

    found: dict[str, dict[str, int]] = {}
    for asset in ("embeddings", "token_scores", "robust_scores", "miwv_scores"):
        latest = []
        for shard in instance.get_dynamic_partitions(config.name):
            key = dg.AssetKey([config.name, asset])
            wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[shard])
            records = instance.fetch_materializations(wanted, limit=1).records
            latest += [(r.timestamp, r.asset_materialization.metadata) for r in records]
        found[asset] = {
            "computed": sum(made["computed"].value for time, made in latest if time >= since),
            "stored": sum(made["dagster/row_count"].value for _, made in latest),
        }
    return found


def run_here(file: Path, clock: StepClock) -> dict[str, Any]:
    """What one run of the corpus takes in this process; see `measured`."""
    from tshirt_assets.commands.instance import open_instance
    from tshirt_assets.commands.run import run_corpus
    from tshirt_assets.commands.show import summary
    from tshirt_assets.config import CorpusConfig
    from tshirt_assets.models.cache import load_count

    started, cpu, since = time.perf_counter(), cpu_seconds(), time.time()
    config = CorpusConfig.from_yaml(file)
    with clock.watching(), open_instance(config) as instance:
        if not run_corpus(instance, config):
            raise RuntimeError(f"{file}: not everything could be materialized")
        print(summary(instance, config, str(file)))
        return {
            "cpu": cpu_seconds() - cpu,
            "wall": time.perf_counter() - started,
            "peak_mib": max([peak(), *clock.peaks.values()]),
            "assets": dict(clock.seconds),
            "asset_peaks": dict(clock.peaks),
            "models": load_count(),
            "rows": work_done(instance, config, since),
        }


def main() -> None:
    """Run the corpus and write what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--profile", type=Path, help="write ASSET.prof files into this folder")
    arguments = parser.parse_args()
    install()
    load_modules()
    found = run_here(arguments.corpus, StepClock(arguments.profile))
    if not MODULES.is_file():
        write_modules()
    arguments.result.write_text(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
