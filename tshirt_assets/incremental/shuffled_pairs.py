"""The vectors by which the relevance of a corpus's rows is held to that of shuffled pairs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tshirt_assets.config import Recipe
from tshirt_assets.incremental.dataset import Dataset
from tshirt_assets.store.frames import to_frame, with_ids

if TYPE_CHECKING:
    from tshirt_assets.selection.relevance import Pairings


@dataclass(frozen=True, slots=True)
class Guard:
    """The relevance of a corpus's rows, and what it must exceed, by `min_relevance`."""

    relevance: Dataset
    floors: Mapping[float, float]


def open_guard(dataset: Callable[[str], Dataset], recipes: Iterable[Recipe]) -> Guard | None:
    """What holds the rows of these recipes to a relevance; None where none of them asks for it.

    dataset: opens the tables of an asset.
    """
    shares = {recipe.min_relevance for recipe in recipes if recipe.min_relevance is not None}
    if not shares:
        return None
    relevance = dataset("relevance")
    pairings = corpus_pairings(dataset("embeddings"), relevance)
    return Guard(relevance, {share: pairings.floor(share) for share in shares})


def corpus_pairings(embeddings: Dataset, relevance: Dataset) -> "Pairings":
    """The pairings of a sample of a corpus's rows; the same for the same tables."""
    from tshirt_assets.selection.relevance import paired, paired_ids

    places = relevance.frame(["sample_id", "shard"], "status = 'ok'").unique(
        "sample_id", keep="first", maintain_order=True
    )
    ids = paired_ids(places["sample_id"].to_list())
    wanted = places.filter(pl.col("sample_id").is_in(ids))
    answers = _vectors(relevance, wanted, ["vector", "turn_vector"])
    prompts = _vectors(embeddings, wanted, ["vector"]).rename({"vector": "prompt"})
    rows = answers.join(prompts, on="sample_id").sort("sample_id")
    if rows.is_empty():
        nothing = np.empty((0, 1), np.float32)
        return paired(nothing, nothing)
    asked = rows.select(pl.coalesce("turn_vector", "prompt")).to_series()
    return paired(asked.to_numpy(), rows["vector"].to_numpy())


def _vectors(dataset: Dataset, wanted: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """sample_id and these columns of the rows in `wanted` (sample_id, shard)."""
    parts = []
    for (shard,), group in wanted.group_by("shard", maintain_order=True):
        info = dataset.tables.get(str(shard))
        if info is None:
            continue
        table = dataset.store.read(
            dataset.corpus,
            dataset.asset,
            info.shard,
            columns=["sample_id", *columns],
            where=f"status = 'ok' AND {with_ids(group['sample_id'])}",
            version=info.version,
        )
        parts.append(to_frame(table))
    if not parts:
        return pl.DataFrame(schema=dict.fromkeys(["sample_id", *columns], pl.String))
    return pl.concat(parts).unique("sample_id", keep="first")
