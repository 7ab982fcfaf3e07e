"""Processes that use a store and are killed at random; imported by them as well as by tests."""

import contextlib
import multiprocessing
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pyarrow as pa

from tshirt_assets.store.store import Store

CHUNK, CHUNKS = 2_000, 6  # rows of a chunk, chunks of a shard

# The server imports lancedb once (seconds) and forks before LanceDB is used, which is safe.
warnings.filterwarnings("ignore", "lancedb fork support")
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["lancedb", __name__])


def rows(seed: int, count: int | None = None) -> pa.Table:
    """A table that is different for every seed, in its values and its number of rows."""
    count = 4_000 + seed % 7 * 500 if count is None else count
    return pa.table(
        {
            "sample_id": [f"{seed}-{row}" for row in range(count)],
            "row": np.arange(count),
            "value": np.random.default_rng(seed).random(count),
        }
    )


def start(work: Callable[..., None], *arguments: object) -> BaseProcess:
    """Run `work(*arguments)` in a process of its own."""
    process = processes.Process(target=work, args=arguments)
    process.start()
    return process


@contextlib.contextmanager
def started(*calls: tuple[object, ...]) -> Iterator[list[BaseProcess]]:
    """Processes of several calls; killed at the end if still running."""
    running = [start(*call) for call in calls]  # type: ignore[arg-type]
    try:
        yield running
    finally:
        for process in running:
            process.kill()
            process.join()


def say(log: Path, text: str) -> None:
    """Append a line that survives the death of the process."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{text}\n".encode())
    os.close(descriptor)


def said(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the worker processes are stuck"
        time.sleep(0.002)


def overwrite(uri: str, log: Path, shard: str, first: int, last: int | None = None) -> None:
    """Replace a shard again and again; the log holds the seeds whose write returned."""
    store = Store(uri)
    say(log, "ready")
    seed = first
    while last is None or seed < last:
        store.write("corpus", "scores", shard, rows(seed), {"seed": str(seed)})
        say(log, str(seed))
        seed += 1


def create(uri: str, log: Path, prefix: str) -> None:
    """Write one new shard after the other."""
    store = Store(uri)
    say(log, "ready")
    for seed in range(1_000_000):
        store.write("corpus", "created", f"{prefix}-{seed}", rows(seed), {"seed": str(seed)})
        say(log, str(seed))


def compute_in_chunks(uri: str, log: Path, last_round: int | None = None) -> None:
    """Materialize a shard chunk by chunk, going on where a killed process stopped.

    Every round has an identity of its own, as after a change of the model.
    """
    store = Store(uri)
    say(log, "ready")
    while True:
        info = store.info("corpus", "chunked", "s")
        number = int(info.meta["identity"]) + 1 if info else 0
        if last_round is not None and number > last_round:
            return
        staging = store.staging("corpus", "chunked", "s", str(number))
        kept = staging.read()
        chunks = [] if kept is None else [kept]
        done = 0 if kept is None else kept.num_rows // CHUNK
        for index in range(done, CHUNKS):
            chunk = chunk_of(number, index)
            say(log, f"compute {number} {index}")
            staging.append(chunk)
            say(log, f"kept {number} {index}")
            chunks.append(chunk)
        store.write("corpus", "chunked", "s", pa.concat_tables(chunks), {"identity": str(number)})
        say(log, f"written {number}")
        staging.clear()


def chunk_of(number: int, index: int) -> pa.Table:
    return rows(number * CHUNKS + index, CHUNK)


def write_shards(
    uri: str, options: Mapping[str, str], log: Path, shards: Sequence[str], seeds: Sequence[int]
) -> None:
    """Write every shard once per seed, together with a chunk of staging."""
    store = Store(uri, options)
    for seed in seeds:
        for shard in shards:
            store.staging("corpus", "scores", shard, "i").append(rows(seed, 10))
            info = store.write("corpus", "scores", shard, rows(seed), {"seed": str(seed)})
            say(log, f"{shard} {info.version} {seed}")


def read_one_version(uri: str, log: Path, shard: str) -> None:
    """Read a shard in slow batches at its present version, twice, and report what was seen."""
    store = Store(uri)
    while True:
        info = store.info("corpus", "scores", shard)
        assert info is not None
        seen = []
        for batch in store.batches("corpus", "scores", shard, version=info.version):
            seen.append(batch)
            time.sleep(0.01)
        table = pa.Table.from_batches(seen)
        pure = table.equals(rows(int(info.meta["seed"])))
        again = store.read("corpus", "scores", shard, version=info.version)
        say(log, f"{info.version} {pure and again.equals(table)}")
