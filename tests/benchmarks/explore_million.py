"""The row browser over a million rows of random scores: first view, filters, sorts, memory.

    nice python -m tests.benchmarks.explore_million           # 1,000,000 rows in 20 shards
    nice python -m tests.benchmarks.explore_million 100000
    nice python -m tests.benchmarks.explore_million --browser # memory of Chromium instead

The store is written once, in about two minutes, and kept in build/explore-ROWS for the next time.
The server runs as a process of its own, as the command starts it. Every request is sent five times
over HTTP, with other values each time so that nothing is answered from a cache; the slowest is
printed, in seconds of the clock and of the server's CPU: on a busy machine only those tell. Memory
is the most that the server's process had.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import numpy as np
import pyarrow as pa
import yaml

from tests.benchmarks.explore_browser import browser_figures
from tests.benchmarks.rows import ROOT
from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.sample import SAMPLES_SCHEMA
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.incremental.columns import (
    MIWV_SCORES,
    ROBUST_SCORES,
    TOKEN_SCORES,
    embeddings_schema,
)
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.store.store import Store

SHARDS, WIDTH, TIMES = 20, 384, 5
WORDS = ("river", "count", "seven", "colours", "explain", "why", "cat", "sleeps", "sort")
DOMAINS = ("code", "math", "chat", "law", "medicine")
RECIPES = {
    "tshirt-5pct": {"method": "tshirt", "budget": 0.05},
    "miwv-5pct": {"method": "miwv", "budget": 0.05},
    "ifd-5pct": {"method": "ifd", "budget": 0.05},
}


def written_corpus(rows: int) -> CorpusConfig:
    """A corpus whose store holds so many rows of random scores."""
    folder = ROOT / "build" / f"explore-{rows}"
    done = folder / "written"
    if not done.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        _configure(folder)
        config = CorpusConfig.from_yaml(folder / "corpus.yaml")
        store = Store(config.store)
        for number, spec in enumerate(discover_shards(config)):
            _write_shard(store, config.name, spec.key, number, rows // SHARDS)
            print(f"written: {spec.key}", flush=True)
        done.touch()
    return CorpusConfig.from_yaml(folder / "corpus.yaml")


def _configure(folder: Path) -> None:
    (folder / "rows").mkdir(parents=True)
    for number in range(SHARDS):
        line = '{"instruction": "a", "output": "b"}\n'
        (folder / "rows" / f"part-{number:02}.jsonl").write_text(line)
    values = {"name": "million", "paths": ["rows/*"], "recipes": RECIPES}
    values |= {"scorer": "none", "embedder": "none", "store": "store", "export_dir": "exports"}
    (folder / "corpus.yaml").write_text(yaml.safe_dump(values))


def _write_shard(store: Store, corpus: str, shard: str, number: int, rows: int) -> None:
    rng = np.random.default_rng(number)
    ids = [f"{number:04x}{row:028x}" for row in range(rows)]
    status = np.where(rng.random(rows) < 0.01, "response_too_short", "ok").tolist()
    place = {"sample_id": ids, "shard": [shard] * rows, "row": range(rows), "status": status}
    words = rng.choice(WORDS, (rows, 12))
    instructions = [" ".join(line) for line in words]
    responses = [" ".join(line) for line in words[:, ::-1]]
    turns = [
        [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
        for asked, answer in zip(instructions, responses, strict=True)
    ]
    texts = {"instruction": instructions, "input": [""] * rows, "response": responses}
    texts |= {"messages": turns, "n_turns": [2] * rows, "domain": rng.choice(DOMAINS, rows)}
    _write(store, corpus, "samples", shard, SAMPLES_SCHEMA, place | texts)

    lengths = rng.integers(20, 60, rows)
    ends = pa.array(np.concatenate([[0], lengths.cumsum()]), pa.int32())
    deltas = pa.ListArray.from_arrays(ends, pa.array(rng.normal(0, 1, lengths.sum()), pa.float32()))
    clean = {"ifd": rng.gamma(9, 0.09, rows), "n_response_tokens": lengths + 1}
    clean |= {"n_prompt_tokens": lengths, "cond_nll": rng.gamma(4, 0.5, rows)}
    clean |= {"token_delta": deltas, "first_delta_index": [1] * rows}
    _write(store, corpus, "token_scores", shard, TOKEN_SCORES, place | clean)
    robust = {"s_ifd_mean": rng.gamma(9, 0.09, rows), "s_ifd_std": rng.gamma(2, 0.02, rows)}
    robust |= {"ifd_mean": clean["ifd"], "estimator": ["analytic"] * rows, "tau": [0.2] * rows}
    _write(store, corpus, "robust_scores", shard, ROBUST_SCORES, place | robust)
    nearest = {"miwv": rng.normal(0, 0.3, rows), "similarity": rng.random(rows)}
    nearest |= {"neighbour_id": ids[::-1]}
    _write(store, corpus, "miwv_scores", shard, MIWV_SCORES, place | nearest)
    values = rng.normal(0, 1, (rows, WIDTH)).astype(np.float32)
    vectors = {"vector": pa.FixedSizeListArray.from_arrays(values.ravel(), WIDTH)}
    _write(store, corpus, "embeddings", shard, embeddings_schema(WIDTH), place | vectors)


def _write(
    store: Store, corpus: str, asset: str, shard: str, schema: pa.Schema, columns: dict[str, Any]
) -> None:
    rows = len(columns["sample_id"])
    arrays = [
        pa.array(columns[field.name]).cast(field.type)
        if field.name in columns
        else pa.nulls(rows, field.type)
        for field in schema.remove_metadata()
    ]
    fields = [field.with_nullable(True) for field in schema]
    table = pa.table(arrays, schema=pa.schema(fields))
    meta = {"identity": "random", "data_version": shard} | TableFacts(tau=0.2).to_meta()
    store.write(corpus, asset, shard, table, meta)


def measure(file: Path, *, browser: bool = False) -> None:
    """Start a server, ask it, and print a line of a table for every figure.

    browser: measured is the memory of a browser that shows its page.
    """
    server = subprocess.Popen(
        [sys.executable, "-c", START, "explore", str(file), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        url = server.stdout.readline().split()[-1]
        figures = browser_figures(url) if browser else _figures(url, server.pid)
    finally:
        server.terminate()
        server.wait()
    print(*figures, sep="\n")


START = "from tshirt_assets.cli import main; main()"


def _figures(url: str, pid: int) -> list[str]:
    lines = ["| what | wall | CPU |", "|---|---|---|"]

    def add(what: str, action: Callable[[int], object], times: int = TIMES) -> None:
        wall, cpu = _slowest(times, action, pid)
        lines.append(f"| {what} | {wall:.2f} s | {cpu:.2f} s |")
        print(lines[-1], flush=True)

    def wait(_: int) -> None:
        while _ask(url, "corpus")["working"]:
            time.sleep(1)

    add("all columns read, when the server starts", lambda _: _ask(url, "corpus"), 1)
    add("first view, while recipes are selected", lambda _: _first_view(url), 1)
    lines.append(f"| memory then | {_peak(pid):,.0f} MiB | |")
    add("map and recipes, in the background", wait, 1)
    lines.append(f"| memory at most | {_peak(pid):,.0f} MiB | |")
    add("first view", lambda _: _first_view(url))
    columns = ["ifd", "miwv", "s_ifd_mean", "n_response_tokens", "cond_nll"]
    add("sort by a column", lambda n: _rows(url, sort=columns[n]))
    add("filter by a score", lambda n: _rows(url, between=[_above("ifd", n)]))
    add(
        "filter by domain and recipe, sorted",
        lambda n: _rows(url, among=[_domain(n)], flags=[_taken(n)], sort="ifd"),
    )
    add("the marks in the plot", lambda n: _marks(url, _above("miwv", n)))
    add("the last page", lambda n: _rows(url, sort="ifd", start=999_000 - 100 * n))
    add("a row opened", lambda n: _ask(url, f"row/{n:04x}{777:028x}"))
    add("text search, all rows", lambda n: _searched(url, f"{WORDS[n]} {WORDS[3]} x"), 2)
    return lines


def _slowest(times: int, action: Callable[[int], object], pid: int) -> tuple[float, float]:
    """Most seconds that one of the calls took, and most seconds of CPU that the server had."""
    walls, cpus = [], []
    for number in range(times):
        began, spent = time.perf_counter(), _cpu(pid)
        action(number)
        walls.append(time.perf_counter() - began)
        cpus.append(_cpu(pid) - spent)
    return max(walls), max(cpus)


def _cpu(pid: int) -> float:
    """Seconds of CPU that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _first_view(url: str) -> None:
    urlopen(url).read()
    _ask(url, "corpus")
    _rows(url)
    _ask(url, "points/robust")


def _rows(url: str, **query: Any) -> dict[str, Any]:
    return _ask(url, f"rows?q={quote(json.dumps(query))}")


def _marks(url: str, part: dict[str, Any]) -> dict[str, Any]:
    return _ask(url, f"marks/robust?q={quote(json.dumps({'between': [part]}))}")


def _above(column: str, number: int) -> dict[str, Any]:
    return {"column": column, "min": 0.5 + number / 100}


def _domain(number: int) -> dict[str, Any]:
    return {"column": "domain", "values": [DOMAINS[number]]}


def _taken(number: int) -> dict[str, Any]:
    return {"column": f"recipe:{list(RECIPES)[number % 3]}:taken", "value": True}


def _searched(url: str, text: str) -> None:
    while not _rows(url, text=text)["complete"]:
        time.sleep(0.1)


def _ask(url: str, what: str) -> dict[str, Any]:
    found = json.loads(urlopen(f"{url}api/{what}").read())
    assert isinstance(found, dict)
    return found


def _peak(pid: int) -> float:
    """Most memory that a process had, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main() -> None:
    """Write the store where there is none, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--browser", action="store_true", help="memory of a browser instead")
    given = parser.parse_args()
    written_corpus(given.rows)
    measure(ROOT / "build" / f"explore-{given.rows}" / "corpus.yaml", browser=given.browser)


if __name__ == "__main__":
    main()
