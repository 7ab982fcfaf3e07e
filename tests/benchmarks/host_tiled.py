"""What the steps over a whole corpus take of the host where it is large, without scoring it.

    python -m tests.benchmarks.host_tiled 1000000 [ROWS ...]

The scores of a corpus of 25,000 rows (models stubbed, see `host`) are stored again and again under
new sample ids, 50,000 rows in a shard. Then `contenders`, `search` and `selected_subset` are
materialized, and the demos of all rows, which lie in any shard, laid down and read: in a process
each. Prints CPU µs/row and peak MiB. `bench_nearest` does the same for the neighbour search.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from tests.benchmarks.host_corpus import BUILD, HostCorpus
from tests.benchmarks.host_run import StepClock, cpu_seconds, load_modules, measured
from tests.benchmarks.memory import forget_peak, peak
from tests.benchmarks.rows import ROOT, SEED
from tests.benchmarks.stub_models import install
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.incremental.demo_shelf import DemoShelf
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.writing import write_table
from tshirt_assets.store.frames import to_frame, to_schema
from tshirt_assets.store.store import Store

BASE, BASE_FILES = 25_000, 5
SHARD = 50_000
TILED = ("samples", "embeddings", "token_scores", "robust_scores", "miwv_scores")
ASSETS = ("contenders", "search", "selected_subset")
Figures = dict[str, tuple[float, float]]  # by step: CPU seconds and peak in MiB


def tile(base: HostCorpus, corpus: HostCorpus, rows: int) -> None:
    """Store the tables of `base`, copy by copy, as those of a corpus of so many rows."""
    write_files(corpus.folder / "rows", rows)
    corpus.configure()
    source, target = (Store(str(c.folder / "store")) for c in (base, corpus))
    places = whole(source, "samples").select("sample_id", "shard", "row").with_row_index("place")
    shards = [spec.key for spec in discover_shards(corpus.config)]
    for asset in TILED:
        table = whole(source, asset).join(places, on=["sample_id", "shard", "row"])
        info = source.stored("host", asset)[0]
        schema, facts = source.read("host", asset, info.shard).schema, TableFacts.of(info)
        for number, shard in enumerate(shards):
            copies = [copied(table, shard, 2 * number + half, half) for half in range(2)]
            tiled = to_schema(pl.concat(copies).head(rows - number * SHARD), schema)
            write_table(target, "host", asset, shard, tiled, identity=info.identity, facts=facts)
    pilot = source.info("host", "calibration")
    assert pilot is not None
    table, facts = source.read("host", "calibration"), TableFacts.of(pilot)
    write_table(target, "host", "calibration", None, table, identity=pilot.identity, facts=facts)


def write_files(folder: Path, rows: int) -> None:
    """Files of one shard each, of the shortest rows there are."""
    folder.mkdir(parents=True)
    for number, start in enumerate(range(0, rows, SHARD)):
        lines = '{"prompt": "?", "response": "!"}\n' * min(SHARD, rows - start)
        (folder / f"part-{number:04d}.jsonl").write_text(lines)


def whole(store: Store, asset: str) -> pl.DataFrame:
    """The rows of all shards."""
    found = store.stored("host", asset)
    return pl.concat(to_frame(store.read("host", asset, info.shard)) for info in found)


def copied(table: pl.DataFrame, shard: str, copy: int, half: int) -> pl.DataFrame:
    """The rows as those of another shard, under other ids."""
    return table.with_columns(
        sample_id=pl.lit(f"{copy:08x}") + pl.col("sample_id").str.slice(8),
        shard=pl.lit(shard),
        row=pl.col("place").cast(pl.Int64) + half * BASE,
    )


def materialized(corpus: HostCorpus) -> Figures:
    """What ASSETS take."""
    from tshirt_assets.commands.instance import open_instance, register_shards
    from tshirt_assets.commands.piece import Piece, corpus_job, run_piece
    from tshirt_assets.incremental import catalog

    config, clock = corpus.config, StepClock()
    with clock.watching(), open_instance(config) as instance:
        register_shards(instance, config)
        job = corpus_job(instance, config)
        for name in ASSETS:
            keys = tuple(config.recipes) if catalog.ASSETS[name].unit == "recipe" else ()
            outcome = run_piece(instance, config, job, Piece((name,), keys))
            assert outcome.success, outcome.reasons
    return {name: (clock.seconds[name], clock.peaks[name]) for name in ASSETS}


def demos(corpus: HostCorpus) -> Figures:
    """What it takes to lay down the demos of all rows, and to read those of each shard."""
    config, store = corpus.config, Store(str(corpus.folder / "store"))
    shards = [spec.key for spec in discover_shards(config)]
    places = shard_of_each(store, shards)
    order = np.random.default_rng(SEED).permutation(places.height)
    nearest = places.select(
        "sample_id",
        neighbour_id=places["sample_id"].gather(order),
        neighbour_shard=places["shard"].gather(order),
        similarity=pl.lit(0.5, pl.Float32),
    ).sort("sample_id")
    forget_peak()
    started = cpu_seconds()
    shelf = DemoShelf(store, config.name, nearest, shards, "none is stored")
    found = sum(len(shelf.read(shard)) for shard in shards)
    assert found or len(shards) == 1
    return {"demos": (cpu_seconds() - started, peak())}


def shard_of_each(store: Store, shards: Sequence[str]) -> pl.DataFrame:
    """sample_id and shard of all usable rows."""
    return pl.concat(
        to_frame(
            store.read(
                "host", "samples", shard, columns=["sample_id", "shard"], where="status = 'ok'"
            )
        )
        for shard in shards
    )


PARTS: dict[str, Callable[[HostCorpus], Figures]] = {"assets": materialized, "demos": demos}


def in_own_process(corpus: HostCorpus, part: str) -> Figures:
    """What a part measures, in a process of its own."""
    command = [sys.executable, "-m", __spec__.name, "--part", part, str(corpus.folder)]
    environment = os.environ | {"DAGSTER_HOME": str(corpus.folder / "home")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{part}: {done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure all sizes, or one part of one that is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="+", help="sizes; with --part the folder of a corpus")
    parser.add_argument("--part", choices=PARTS)
    arguments = parser.parse_args()
    if arguments.part:
        install()
        load_modules()
        print(json.dumps(PARTS[arguments.part](HostCorpus(Path(arguments.rows[0])))))
        return
    BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as name:
        base = HostCorpus.create(Path(name) / "base", BASE, BASE_FILES)
        measured(base)
        for size in arguments.rows:
            corpus = HostCorpus(Path(name) / size)
            tile(base, corpus, int(size))
            for part in PARTS:
                for step, (seconds, mib) in in_own_process(corpus, part).items():
                    each = 1e6 * seconds / int(size)
                    print(f"{int(size):>9,} rows: {step}: {each:.0f} µs/row, {mib:,.0f} MiB")


if __name__ == "__main__":
    main()
