"""What every recipe makes of every row, by selecting again from the stored scores."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from tshirt_assets.config import CorpusConfig
from tshirt_assets.explore.snapshot import Snapshot
from tshirt_assets.incremental.corpus_scores import CorpusScores
from tshirt_assets.selection.exclusions import Exclusion
from tshirt_assets.store.store import Store

PLACE: Final = ("sample_id", "shard", "row")
OUTCOMES: Final = ("rank", "taken", "kept_at", "why")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Choice:
    """What one recipe selects.

    columns: in the order of the snapshot's rows: rank (null where the recipe rules the row out),
    taken, kept_at (the smallest budget, in rows, that would take it) and why not; named as
    `outcome` has it. reasons: why a selected row is in, by sample_id. usable: rows that budgets
    are shares of.
    """

    columns: pl.DataFrame
    reasons: pl.DataFrame
    budget: int
    usable: int
    notes: list[str] = field(default_factory=list)


def outcome(recipe: str, name: str) -> str:
    """The column of a recipe: one of `OUTCOMES` of it."""
    return f"recipe:{recipe}:{name}"


def choices(
    store: Store,
    config: CorpusConfig,
    snapshot: Snapshot,
    done: dict[str, Choice | str],
    wanted: Callable[[], bool],
) -> None:
    """Fill `done` with the choice of one recipe after the other, or why there is none.

    Stops when it is not `wanted` any more.
    """
    scores = CorpusScores(store, config, list(snapshot.shards), _log)
    for name in config.recipes:
        if not wanted():
            return
        try:
            done[name] = _choice(scores, name, snapshot)
        except Exception as error:  # of stored data or a missing model; the others may go
            _log.info("%s: %s", name, error)
            done[name] = str(error)


def _choice(scores: CorpusScores, name: str, snapshot: Snapshot) -> Choice:
    selection = scores.selection(name)
    lines = selection.ranking.select(
        pl.col("sample_id"),
        pl.col("shard").cast(pl.Categorical),
        pl.col("row").cast(pl.Int32),
        rank=pl.col("position").cast(pl.Int32),
        taken="selected",
        kept_at=pl.col("kept_at").cast(pl.Int32),
        why=pl.col("excluded").cast(pl.Categorical),
    )
    joined = snapshot.frame.select(*PLACE, "status").join(
        lines, on=PLACE, how="left", maintain_order="left"
    )
    status = pl.col("status").cast(pl.String)
    unusable = pl.when(status == "ok").then(pl.lit(Exclusion.DUPLICATE.value)).otherwise(status)
    columns = joined.select(
        "rank",
        taken=pl.col("taken").fill_null(False),
        kept_at="kept_at",
        why=pl.when(pl.col("taken").is_null())
        .then(unusable)
        .otherwise(pl.col("why").cast(pl.String))
        .cast(pl.Categorical),
    )
    return Choice(
        columns=columns.select(pl.col(part).alias(outcome(name, part)) for part in OUTCOMES),
        reasons=selection.frame.select("sample_id", "reason"),
        budget=selection.budget,
        usable=selection.usable,
        notes=selection.notes,
    )
