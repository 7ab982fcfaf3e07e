"""Time and memory of the dataset-wide assets over synthetic scores, run by Dagster.

    python -m tests.benchmarks.bench_assets [ROWSxSHARDS ...]  (default 250000x50 ... 1000000x200)

Samples, token scores and MIWV of every shard are written to a store; then `contenders` and
`selected_subset` are materialized in a process of their own. Memory is the peak
above the process with all libraries imported.
"""

import logging
import multiprocessing
import resource
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from tests.corpora import NAME, Corpus
from tests.tiny import bpe_tokenizer, causal_lm
from tshirt_assets.commands.shards import shard_states, shard_table
from tshirt_assets.commands.verify import verify
from tshirt_assets.corpus.sample import SAMPLES_SCHEMA
from tshirt_assets.incremental.columns import MIWV_SCORES, ROBUST_SCORES, TOKEN_SCORES
from tshirt_assets.incremental.dataset import facts
from tshirt_assets.incremental.writing import write_table
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.maintenance import maintain_corpus

TOKENS = 70  # of the longest response
NOW = timedelta(microseconds=1)
RECIPES: dict[str, dict[str, Any]] = {
    "tshirt-5pct": {"method": "tshirt", "budget": 0.05},
    "miwv-5pct": {"method": "miwv", "budget": 0.05},
    "ifd-5pct": {"method": "ifd", "budget": 0.05},
    "longest-5pct": {"method": "longest", "budget": 0.05},
    "random-5pct": {"method": "random", "budget": 0.05},
    "fusion-5pct": {"method": "fusion", "budget": 0.05, "fuse": ["tshirt-5pct", "miwv-5pct"]},
}


def write_corpus(folder: Path, n: int, n_shards: int) -> None:
    """A registered corpus whose scores are stored, but not selected from."""
    causal_lm(max_positions=512).save_pretrained(folder / "models" / "lm")
    bpe_tokenizer().save_pretrained(folder / "models" / "lm")
    corpus = open_corpus(folder)
    for number in range(n_shards):
        corpus.write(f"part-{number:05d}.jsonl", [{"instruction": "i", "output": "o"}])
    corpus.register()
    for number, shard in enumerate(corpus.shards):
        write_shard(corpus, shard, number, n // n_shards)


def open_corpus(folder: Path) -> Corpus:
    corpus = Corpus(folder, folder / "models")
    corpus.configure(recipes=RECIPES)
    return corpus


def write_shard(corpus: Corpus, shard: str, number: int, rows: int) -> None:
    rng = np.random.default_rng(number)
    place = {
        "sample_id": [rng.bytes(16).hex() for _ in range(rows)],
        "shard": [shard] * rows,
        "row": np.arange(rows),
        "status": rng.choice(["ok", "response_too_short"], rows, p=[0.98, 0.02]),
    }
    ifd = rng.beta(8, 3, rows) * 1.15
    lengths = rng.integers(10, TOKENS, rows)
    deltas = rng.laplace(np.repeat(-np.log(ifd), lengths), 0.5).astype(np.float32)
    texts = [f"{i} of {shard}: " + "what is the river called? " * 4 for i in range(rows)]
    message = pa.array([[{"role": "user", "content": text}] for text in texts])
    columns = {
        "samples": (
            SAMPLES_SCHEMA,
            {"messages": message, "instruction": texts, "response": ["x" * TOKENS] * rows},
        ),
        "token_scores": (
            TOKEN_SCORES,
            {
                "ifd": ifd,
                "n_response_tokens": lengths + 1,
                "first_delta_index": np.ones(rows),
                "token_delta": pa.ListArray.from_arrays(
                    np.append(0, lengths.cumsum()).astype(np.int32), deltas
                ),
            },
        ),
        "miwv_scores": (MIWV_SCORES, {"miwv": rng.normal(size=rows)}),
    }
    for asset, (schema, values) in columns.items():
        put(corpus, asset, shard, schema, place | values)


def write_robust(corpus: Corpus) -> None:
    """Robust scores of the contenders, as if their neighbours had been scored."""
    info = corpus.store.info(NAME, "contenders")
    assert info is not None
    table = corpus.store.read(NAME, "contenders", where="contender")
    contenders = pl.DataFrame(pl.from_arrow(table)).drop("tau")
    for (shard,), rows in contenders.group_by("shard"):
        rng = np.random.default_rng(rows.height)
        values = rows.sort("row").to_dict(as_series=False) | {
            "s_ifd_mean": rows["s_ifd"].to_numpy() + rng.normal(0, 0.005, rows.height),
            "s_ifd_std": rng.gamma(4, 0.005, rows.height),
            "ifd_mean": rows["ifd"].to_numpy(),
            "estimator": ["sampled"] * rows.height,
        }
        put(corpus, "robust_scores", str(shard), ROBUST_SCORES, values, tau=facts(info, "tau"))


def put(
    corpus: Corpus, asset: str, shard: str, schema: pa.Schema, values: dict, **more: Any
) -> None:
    """Store a table; columns that are not given are null."""
    count = len(values["sample_id"])
    columns = [
        pa.array(values[field.name], field.type)
        if field.name in values
        else pa.nulls(count, field.type)
        for field in schema
    ]
    table = pa.table(columns, schema=schema)
    write_table(corpus.store, Binding(corpus.config), asset, shard, table, identity="i", **more)


def run(folder: Path, label: str) -> None:
    """Materialize the dataset-wide assets; print one line per step."""
    import lancedb  # noqa: F401
    import torch  # noqa: F401
    import transformers  # noqa: F401

    logging.disable(logging.INFO)
    corpus = open_corpus(folder)
    start = peak()

    def step(name: str, work: Any) -> None:
        began, cpu = time.perf_counter(), time.process_time()
        work()
        print(
            f"{label:>13}  {name:<14} {time.perf_counter() - began:7.1f} s "
            f"{time.process_time() - cpu:7.1f} CPU s  peak +{peak() - start:5.0f} MiB",
            flush=True,
        )

    step("list tables", lambda: corpus.store.stored(NAME))
    step("list shards", lambda: shard_table(*shard_states(corpus.instance, corpus.config)))
    step("contenders", lambda: corpus.materialize("contenders"))
    step("(robust)", lambda: write_robust(corpus))
    for name in RECIPES:
        step(name, lambda name=name: corpus.materialize("selected_subset", partitions=[name]))
    step("verify", lambda: verify(corpus.store, corpus.config, corpus.shards))
    step("maintain", lambda: maintain_corpus(corpus.store, corpus.config, older_than=NOW))


def peak() -> float:
    """Largest resident memory of this process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    spawn = multiprocessing.get_context("spawn")
    for size in sys.argv[1:] or ["250000x50", "500000x100", "1000000x200"]:
        rows, shards = map(int, size.split("x"))
        with tempfile.TemporaryDirectory() as name:
            for work, arguments in ((write_corpus, (rows, shards)), (run, (size,))):
                process = spawn.Process(target=work, args=(Path(name), *arguments))
                process.start()
                process.join()
