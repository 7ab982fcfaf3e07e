"""What assets take of the processor beside their models.

Measured on 2 cores of an Intel Xeon (docs/large-corpora.md), and scaled by how fast a short piece
of the same kind of work is here.
"""

import json
import time
from collections.abc import Callable, Mapping
from typing import Final

from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental.catalog import ASSETS, phases

START_SECONDS: Final = 10.0
"""Imports, Dagster's definitions and its storage, before the first asset of a run."""
RUN_SECONDS: Final = 0.2
"""Of Dagster, for each step of a headless run."""
TABLE_SECONDS: Final = 0.15
"""Of Dagster and the store, for each table that is written."""
RECIPE_SECONDS: Final = 0.2
"""More for the report of a recipe and its exports."""
ROW_SECONDS: Final[Mapping[str, float]] = {
    "samples": 80e-6,
    "embeddings": 50e-6,
    "relevance": 60e-6,
    "token_scores": 700e-6,
    "contenders": 15e-6,
    "calibration": 10e-6,
    "neighbours": 50e-6,
    "search": 40e-6,
    "robust_scores": 2_000e-6,
    "miwv_scores": 1_200e-6,
    "selected_subset": 80e-6,
}
"""Of an asset, for each row that it computes."""
OTHER_ROW_SECONDS: Final = 100e-6
REUSED_SHARE: Final = 0.1
"""Of that, for a row that is stored already."""
COMPARED_PER_SECOND: Final = 1e8
"""Pairs of vectors that the search for neighbours compares."""
YARDSTICK_SECONDS: Final = 0.0108
"""Of `yardstick`, where the figures above were measured."""


def yardstick(clock: Callable[[], float] = time.perf_counter) -> float:
    """How many times as long as there a piece of host work takes here: the shortest of seven."""
    rows = [{"id": place, "text": f"word {place} " * 20} for place in range(200)]
    seconds = []
    for _ in range(7):
        started = clock()
        for _ in range(40):
            json.loads(json.dumps(rows))
        seconds.append(clock() - started)
    return min(seconds) / YARDSTICK_SECONDS


def host_seconds(
    asset: str, config: CorpusConfig, shards: int, rows: float, reused: float
) -> float:
    """Seconds of an asset beside its model, where the figures above were measured."""
    record = ASSETS[asset]
    tables = {"shard": shards, "recipe": len(config.recipes), "corpus": 1}[record.unit]
    shared = next(len(phase) for phase in phases(config) if record in phase)
    seconds = RUN_SECONDS / shared + TABLE_SECONDS * tables
    if record.unit == "recipe":
        seconds += RECIPE_SECONDS * tables
    if asset == "neighbours":
        seconds += rows * (rows + reused) / COMPARED_PER_SECOND
    return seconds + ROW_SECONDS.get(asset, OTHER_ROW_SECONDS) * (rows + REUSED_SHARE * reused)
