"""Runs in processes of their own, which say what they compute and may be killed at any instant.

Imported by those processes as well as by tests.
"""

import logging
import multiprocessing
import os
from collections.abc import Callable, Collection, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.corpora import Corpus, make_rows
from tests.store.store_workers import say
from tshirt_assets.commands.run import run_corpus
from tshirt_assets.incremental import score_table as scored
from tshirt_assets.incremental.overlap import Computation
from tshirt_assets.store.staging import Staging
from tshirt_assets.store.store import Store

CHUNK = 3  # rows

# The server imports the libraries once (seconds); what it forks has used none of them yet.
forked = multiprocessing.get_context("forkserver")
forked.set_forkserver_preload(
    ["lancedb", "torch", "transformers", "sentence_transformers", "dagster", __name__]
)


def start(work: Callable[..., None], *arguments: object) -> BaseProcess:
    """Run `work(*arguments)` in a process of its own."""
    process = forked.Process(target=work, args=arguments)
    process.start()
    return process


def run_all(folder: Path, models: Path, options: dict[str, Any], log: Path) -> None:
    """Materialize the whole corpus, as `tshirt-assets run` does."""
    corpus = opened(folder, models, options, log)
    assert run_corpus(corpus.instance, corpus.config)
    say(log, "finished")


def materialize(
    folder: Path,
    models: Path,
    options: dict[str, Any],
    log: Path,
    assets: Sequence[str],
    partitions: Collection[str],
) -> None:
    """Materialize some partitions of some assets."""
    corpus = opened(folder, models, options, log)
    for partition in partitions:
        corpus.materialize(*assets, partitions=[partition])
    say(log, "finished")


def rewrite(
    folder: Path, models: Path, options: dict[str, Any], log: Path, shard: str, times: int
) -> None:
    """Change a file and score it again, several times."""
    corpus = opened(folder, models, options, log)
    for number in range(times):
        corpus.write("a.jsonl", make_rows(100 + number, 8 + number % 3))
        corpus.materialize("samples", "embeddings", "token_scores", partitions=[shard])
        say(log, f"rewritten {number}")
    say(log, "finished")


def opened(folder: Path, models: Path, options: dict[str, Any], log: Path) -> Corpus:
    """The corpus, in a process that computes in small chunks and logs what it does."""
    import torch

    torch.set_num_threads(1)
    logging.disable(logging.INFO)
    os.environ["DAGSTER_HOME"] = str(folder / "home")
    scored.FIRST_CHUNK = scored.LARGEST_CHUNK = CHUNK
    _logged(log)
    say(log, "ready")
    return Corpus(folder, models, options)


def _logged(log: Path) -> None:
    """Log every chunk before it is computed and once it is kept, and every write of a table."""
    score, append, write = scored.ScoreTable.score, Staging.append, Store.write

    def logged_score(
        self: scored.ScoreTable,
        shard: str,
        rows: Any,
        computation: Computation[Any],
        *rest: Any,
        **options: Any,
    ) -> scored.ScoredShard:
        def logged(ids_and_work: tuple[Sequence[str], Any]) -> tuple[pa.Table, int]:
            ids, work = ids_and_work
            say(log, f"compute {self.asset}.{shard} {' '.join(ids)}")
            return computation.run(work)

        both = Computation(lambda ids: (ids, computation.prepare(ids)), logged)
        return score(self, shard, rows, both, *rest, **options)

    def logged_append(self: Staging, chunk: Any) -> None:
        append(self, chunk)
        place = f"{self._meta['asset']}.{self._meta['shard']}"
        say(log, f"kept {place} {' '.join(chunk['sample_id'].to_pylist())}")

    def logged_write(self: Store, corpus: str, asset: str, shard: str | None, *rest: Any) -> Any:
        say(log, f"write {asset}.{shard}")
        info = write(self, corpus, asset, shard, *rest)
        say(log, f"written {asset}.{shard}")
        return info

    scored.ScoreTable.score = logged_score  # type: ignore[method-assign]
    Staging.append = logged_append  # type: ignore[method-assign]
    Store.write = logged_write  # type: ignore[method-assign]
