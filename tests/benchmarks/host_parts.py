"""Parts of a run that are measured on their own: the yardstick, demos, and which rows are where.

python -m tests.benchmarks.host_parts CORPUS.yaml      # the yardstick, in CPU seconds
"""

import gzip
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl

from tests.benchmarks.alpaca_like import write_file
from tests.benchmarks.host_corpus import HostCorpus
from tests.benchmarks.host_run import cpu_seconds
from tests.benchmarks.rows import ROOT, SEED
from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.file_index import file_index
from tshirt_assets.corpus.files import read_records
from tshirt_assets.corpus.prompts import prompt_text
from tshirt_assets.corpus.readers import read_shard
from tshirt_assets.corpus.sample import to_table
from tshirt_assets.corpus.shards import ShardSpec, discover_shards
from tshirt_assets.incremental.demo_shelf import DemoShelf
from tshirt_assets.incremental.demos import ShardDemos
from tshirt_assets.incremental.stored_rows import samples_by_id
from tshirt_assets.incremental.writing import write_table
from tshirt_assets.store.store import Store

BATCH = 1000  # texts in one call of the tokenizer
REPEATS = 3  # of what takes a moment; the least counts
READ_SHARDS = 10
GROUP = 1000  # rows in a row group, as `datasets` writes them; one is decoded from its beginning


def yardstick(corpus: HostCorpus) -> float:
    """CPU seconds in which one thread tokenizes all prompts and responses, in its own process."""
    command = [sys.executable, "-m", __spec__.name, str(corpus.file)]
    environment = os.environ | {"TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return float(done.stdout.split()[-1])


def tokenizing(config: CorpusConfig) -> float:
    """CPU seconds of encode_batch_fast over all prompts and responses."""
    from tshirt_assets.models.causal_lm import load_tokenizer

    tokenizer = load_tokenizer(config.scorer)
    texts = [
        text
        for spec in discover_shards(config)
        for sample in read_shard(spec, config)
        for text in (prompt_text(sample, config.prompt_format, tokenizer), sample.response)
    ]
    encode = tokenizer.backend_tokenizer.encode_batch_fast
    started = cpu_seconds()
    for start in range(0, len(texts), BATCH):
        encode(texts[start : start + BATCH], add_special_tokens=False)
    return cpu_seconds() - started


def demo_reading(folder: Path, shards: int, rows_per_shard: int) -> float:
    """CPU microseconds per row of reading the demos of all rows, which lie in any shard."""
    corpus = HostCorpus.create(folder, shards * rows_per_shard, shards)
    config, store = corpus.config, Store(str(folder / "store"))
    tables = {spec.key: to_table(read_shard(spec, config)) for spec in discover_shards(config)}
    for shard, table in tables.items():
        write_table(store, config.name, "samples", shard, table)
    places = pl.concat(
        pl.DataFrame(pl.from_arrow(table.select(["sample_id", "shard"])))
        for table in tables.values()
    )
    order = list(range(places.height))
    random.Random(SEED).shuffle(order)
    nearest = places.with_columns(
        neighbour_id=places["sample_id"][order],
        neighbour_shard=places["shard"][order],
        similarity=pl.lit(0.5, pl.Float32),
    )
    samples = {shard: samples_by_id(table) for shard, table in tables.items()}
    started = cpu_seconds()
    shelf = DemoShelf(store, config.name, nearest, list(samples), "none is stored")
    for shard, own in samples.items():
        demos = ShardDemos(store, config.name, shard, own, nearest.filter(shard=shard), {}, shelf)
        found = demos.read(list(own))
        assert len(found) == len(own)
    return 1e6 * (cpu_seconds() - started) / places.height


def last_to_first(folder: Path, rows: int) -> dict[str, float]:
    """CPU time of reading the records of a file's last tenth over that of the first, by layout.

    As a run reads them: shard after shard, with the index that is kept of every file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = write_file(folder / "rows.jsonl", 0, rows)
    return {
        name: _last_to_first(HostCorpus(folder / name), write, lines, rows // READ_SHARDS)
        for name, write in LAYOUTS.items()
    }


def _write_array(lines: Path, folder: Path) -> None:
    text = ",\n".join(lines.read_text().splitlines())
    (folder / "part.json").write_text(f"[{text}]")


def _write_gzip(lines: Path, folder: Path) -> None:
    with gzip.open(folder / "part.jsonl.gz", "wb") as file:
        file.write(lines.read_bytes())


def _write_parquet(lines: Path, folder: Path) -> None:
    rows = pl.read_ndjson(lines)
    rows.write_parquet(folder / "part.parquet", row_group_size=GROUP)


LAYOUTS: dict[str, Callable[[Path, Path], object]] = {
    "lines": lambda lines, folder: shutil.copy(lines, folder),
    "array": _write_array,
    "csv": lambda lines, folder: pl.read_ndjson(lines).write_csv(folder / "part.csv"),
    "gzip": _write_gzip,
    "parquet": _write_parquet,
}
"""What writes the rows of a file of JSON lines into a folder, by the name of the layout."""


def _last_to_first(
    corpus: HostCorpus, write: Callable[[Path, Path], object], lines: Path, rows_per_shard: int
) -> float:
    rows = corpus.folder / "rows"
    rows.mkdir(parents=True, exist_ok=True)
    write(lines, rows)
    corpus.configure(rows_per_shard=rows_per_shard)
    config = corpus.config
    specs = discover_shards(config)[:READ_SHARDS]

    def read(spec: ShardSpec) -> None:
        index = file_index(spec.path, config)
        for _ in read_records(spec.path, spec.start, spec.stop, index=index):
            pass

    turns = [[once(partial(read, spec)) for spec in specs] for _ in range(REPEATS)]
    return min(turn[-1] for turn in turns) / min(turn[0] for turn in turns)


def rediscovery(corpus: HostCorpus) -> float:
    """CPU milliseconds per file of finding the shards of a corpus that has not changed."""
    config = corpus.config
    known = {spec.key for spec in discover_shards(config)}
    return 1e3 * least(lambda: discover_shards(config, known)) / len(corpus.paths)


def least(work: Callable[[], object]) -> float:
    """CPU seconds of the fastest of a few calls."""
    return min(once(work) for _ in range(REPEATS))


def once(work: Callable[[], object]) -> float:
    """CPU seconds of a call."""
    started = cpu_seconds()
    work()
    return cpu_seconds() - started


if __name__ == "__main__":
    print(tokenizing(CorpusConfig.from_yaml(sys.argv[1])))
