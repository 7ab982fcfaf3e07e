"""How much longer shards take than the longer of the model's time and the host's for them."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from tshirt_assets.incremental import score_table as scored
from tshirt_assets.incremental.columns import SCORED_ROW
from tshirt_assets.incremental.overlap import Computation
from tshirt_assets.incremental.score_table import ScoreTable
from tshirt_assets.incremental.side_by_side import one_by_one, side_by_side
from tshirt_assets.store.store import Store

SHARDS, ROWS = 20, 50  # of so few rows that each is one chunk
TOKENIZING = 0.1  # seconds for a shard, as the model's a sleep; the store works as ever
MODELS = (0.05, 0.5)  # a fast and a slow device
SCHEMA = pa.schema([*SCORED_ROW, pa.field("value", pa.float64())])


def overlap(folder: Path) -> float:
    """Wall-clock time by the longer of the two; the worse of a fast and a slow device."""
    chunk, scored.FIRST_CHUNK = scored.FIRST_CHUNK, ROWS
    try:
        host = seconds(folder / "host", one_by_one, model=0.0)
        return max(
            seconds(folder / str(model), side_by_side, model) / max(host, SHARDS * model)
            for model in MODELS
        )
    finally:
        scored.FIRST_CHUNK = chunk


def seconds(folder: Path, walk: Callable[..., Any], model: float) -> float:
    """Wall-clock time of all shards, where a chunk takes the model so many seconds."""
    scores = ScoreTable(Store(str(folder)), "c", "scores", "one", SCHEMA, _Silent())
    computation = Computation(_tokenized, partial(_computed, seconds=model))

    def process(shard: str) -> None:
        scores.score(shard, _rows(shard), computation)

    started = time.perf_counter()
    for _, outcome in walk(process, [f"s{number}" for number in range(SHARDS)]):
        outcome.result()
    return time.perf_counter() - started


class _Silent:
    def info(self, *_: Any, **__: Any) -> None:
        """Say nothing."""


def _rows(shard: str) -> pl.DataFrame:
    ids = pl.Series([f"{shard}-{number}" for number in range(ROWS)])
    return pl.DataFrame({"sample_id": ids}).with_columns(
        shard=pl.lit(shard),
        row=pl.int_range(ROWS),
        status=pl.lit("ok"),
        status_detail=pl.lit(None, pl.String),
    )


def _tokenized(ids: Sequence[str]) -> Sequence[str]:
    time.sleep(TOKENIZING)
    return ids


def _computed(ids: Sequence[str], *, seconds: float) -> tuple[pa.Table, int]:
    time.sleep(seconds)
    table = pa.table(
        {
            "sample_id": list(ids),
            "status": ["ok"] * len(ids),
            "status_detail": pa.nulls(len(ids), pa.string()),
            "value": [1.0] * len(ids),
        }
    )
    return table, len(ids)
