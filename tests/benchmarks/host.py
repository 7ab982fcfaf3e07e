"""`make bench-host`: what a run takes of the host where models cost nothing.

    python -m tests.benchmarks.host                      # 5,000 and 52,000 rows
    python -m tests.benchmarks.host --rows 5000          # a quick look
    python -m tests.benchmarks.host --million            # and 1,000,000 rows
    python -m tests.benchmarks.host --rows 5000 --profile build/host/profiles

Forward passes and embedder give numbers at once, the tokenizer is SmolLM2's; everything else is as
in `tshirt-assets run`, in a process of its own per run. Times are CPU seconds without imports, the
yardstick is one thread that tokenizes every prompt and every response once. What depends on a
change is measured on the largest corpus but the million rows, which `host_million` measures alone.
Writes build/host.json and prints a table.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.alpaca_like import FILES, change_rows, write_file
from tests.benchmarks.host_corpus import BUILD, OTHER_BUDGET, HostCorpus
from tests.benchmarks.host_overlap import overlap
from tests.benchmarks.host_parts import demo_reading, last_to_first, rediscovery, yardstick
from tests.benchmarks.host_run import MODULES, measured
from tests.benchmarks.host_table import table
from tests.benchmarks.host_workers import can_have_workers, speedup

SIZES = (5_000, 52_000)
MILLION = 1_000_000
DEMO_SHARDS, DEMO_ROWS = (20, 40), 500
FILE_ROWS = 52_000  # of the file whose last rows are read
SCORES = ("token_scores", "miwv_scores", "robust_scores")
NO_WORKERS = "`tshirt-assets run` has no option --workers"


def measure(
    folder: Path,
    sizes: Sequence[int] = SIZES,
    *,
    million: bool = False,
    files: int = FILES,
    demo_shards: tuple[int, int] = DEMO_SHARDS,
    demo_rows: int = DEMO_ROWS,
    file_rows: int = FILE_ROWS,
    profile: Path | None = None,
) -> dict[str, Any]:
    """All figures by their keys, of corpora that are made in `folder`."""
    figures: dict[str, Any] = {"us_per_row": {}, "peak_mib": {}, "seconds": {}}
    figures |= {"assets": {}, "asset_peaks": {}}
    for rows in sorted(sizes):
        corpus = HostCorpus.create(folder / str(rows), rows, files)
        full = measured(corpus, profile)
        add_size(figures, rows, full)
    largest = max(sizes)
    figures["rows"] = largest
    figures |= ratios(corpus, full)
    figures |= changes(corpus, full, largest)
    last = last_to_first(folder / "one-file", file_rows)
    figures |= {"last_shard_by_layout": last, "last_shard": max(last.values())}
    demos = {
        str(shards): demo_reading(folder / f"demos-{shards}", shards, demo_rows)
        for shards in demo_shards
    }
    few, many = demos.values()
    figures |= {"demo_us_per_row": demos, "demo_growth": many / few}
    figures["overlap"] = overlap(folder / "overlap")
    figures["workers_4_speedup"] = speedup(folder / "workers") if can_have_workers() else None
    if figures["workers_4_speedup"] is None:
        figures["workers_4_reason"] = NO_WORKERS
    if million:
        add_size(figures, MILLION, measured(HostCorpus.create(folder / "million", MILLION)))
    return figures


def first_run(folder: Path) -> None:
    """A run over a few rows, from which later ones learn what to import before the clock."""
    MODULES.unlink(missing_ok=True)
    measured(HostCorpus.create(folder, rows=40, files=2))


def say(what: str, run: dict[str, Any]) -> None:
    """Tell who waits how far it is."""
    print(f"{what}: {run['cpu']:.1f} CPU s in {run['wall']:.0f} s", file=sys.stderr, flush=True)


def add_size(figures: dict[str, Any], rows: int, full: dict[str, Any]) -> None:
    """Note what a full run over so many rows took."""
    say(f"{rows:,} rows", full)
    key = str(rows)
    figures["us_per_row"][key] = 1e6 * full["cpu"] / rows
    figures["peak_mib"][key] = full["peak_mib"]
    figures["seconds"][key] = {"cpu": full["cpu"], "wall": full["wall"]}
    figures["assets"][key] = {
        name: 1e6 * seconds / rows for name, seconds in full["assets"].items()
    }
    figures["asset_peaks"][key] = full["asset_peaks"]


def ratios(corpus: HostCorpus, full: dict[str, Any]) -> dict[str, float]:
    """The full run, and the three scores of it, by the yardstick."""
    tokenizing = yardstick(corpus)
    return {
        "yardstick_seconds": tokenizing,
        "ratio_total": full["cpu"] / tokenizing,
        "ratio_scores": sum(full["assets"][name] for name in SCORES) / tokenizing,
    }


def changes(corpus: HostCorpus, full: dict[str, Any], rows: int) -> dict[str, Any]:
    """Runs after one change each, one after the other, as shares of the full run's CPU time."""
    found: dict[str, Any] = {}

    def share(name: str) -> dict[str, Any]:
        again = measured(corpus)
        say(name, again)
        found[name] = again["cpu"] / full["cpu"]
        return again

    unchanged = share("unchanged")
    found["models_loaded_unchanged"] = unchanged["models"]
    found["rows_computed_unchanged"] = sum(
        count["computed"] for count in unchanged["rows"].values()
    )
    found["rediscover_ms_per_file"] = rediscovery(corpus)
    corpus.configure(budget=OTHER_BUDGET)
    share("budget_only")
    for path in corpus.paths:
        change_rows(path)
    robust = share("changed_1pct")["rows"]["robust_scores"]
    found["contenders_remeasured_1pct"] = robust["computed"] / robust["stored"]
    files = len(corpus.paths)
    write_file(corpus.folder / "rows" / f"part-{files:02d}.jsonl", rows, rows + rows // files)
    share("one_shard_more")
    return found


def main() -> None:
    """Run all measurements and write build/host.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default=",".join(map(str, SIZES)), help="sizes, with commas")
    parser.add_argument("--million", action="store_true", help="also a million rows: over an hour")
    parser.add_argument("--files", type=int, default=FILES, help="in which the rows lie")
    parser.add_argument("--profile", type=Path, help="write ASSET.prof of the last full run there")
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.rows.split(",")]
    if arguments.profile:
        arguments.profile.mkdir(parents=True, exist_ok=True)
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as name:
        first_run(Path(name) / "first")
        figures = measure(
            Path(name),
            sizes,
            million=arguments.million,
            files=arguments.files,
            profile=arguments.profile,
        )
    target = BUILD.with_name("host.json")
    target.write_text(json.dumps(figures, indent=2))
    print(table(figures))
    print(f"written: {target}")


if __name__ == "__main__":
    main()
