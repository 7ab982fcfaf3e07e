"""What is trained on: every recipe's selection, and what it must be compared with."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl

from tshirt_assets.config import Recipe
from tshirt_assets.evidence.training.held_out import HeldOut
from tshirt_assets.incremental.corpus_scores import CorpusScores
from tshirt_assets.selection.dedupe import Vectors
from tshirt_assets.selection.recipes import select
from tshirt_assets.selection.score_tables import usable

Role = Literal["recipe", "random", "longest", "oracle", "full"]
"""What a contestant is there for; `random` ones are what all are compared with."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """A named list of rows to train on, best first. `full` ones are never cut to match others."""

    name: str
    sample_ids: tuple[str, ...]
    role: Role = "recipe"


def line_up(
    scores: CorpusScores,
    held_out: HeldOut,
    *,
    randoms: int,
    full: bool = True,
    planted: Collection[str] = (),
) -> list[Contestant]:
    """The contestants of a corpus; the held-out rows are taken away before anyone selects.

    The randoms and the longest have as many rows as the largest recipe. The oracle knows what no
    recipe can: which rows were `planted` (it draws among the others), or else which rows are most
    similar to the validation rows. It is left out where nothing was planted and the corpus has no
    embeddings. Raises `UpstreamError` where scores are missing.
    """
    recipes = scores.config.recipes
    chosen = [
        Contestant(name, _selected(scores, recipe, name, held_out.ids))
        for name, recipe in recipes.items()
    ]
    count = max(len(contestant.sample_ids) for contestant in chosen)

    def control(name: str, role: Role, without: Collection[str], **options: object) -> Contestant:
        asked = {"method": "random", "budget": max(count, 1), "judgements": "ignore", **options}
        recipe = Recipe.model_validate(asked)
        return Contestant(name, _selected(scores, recipe, name, without), role)

    for number in range(1, randoms + 1):
        chosen.append(control(f"random {number}", "random", held_out.ids, seed=number))
    chosen.append(control("longest", "longest", held_out.ids, method="longest"))
    free = usable(scores.rows()).filter(~pl.col("sample_id").is_in(list(held_out.ids)))
    ids = free["sample_id"].to_list()
    if planted:
        chosen.append(control("oracle", "oracle", {*held_out.ids, *planted}, seed=0))
    elif scores.is_stored("embeddings"):
        nearest = most_similar(scores.vectors, held_out.validation, ids, count)
        chosen.append(Contestant("oracle", nearest, "oracle"))
    if full:
        chosen.append(Contestant("full", tuple(ids), "full"))
    return chosen


def most_similar(
    vectors: Vectors, wanted: Sequence[str], candidates: Sequence[str], count: int
) -> tuple[str, ...]:
    """The `count` candidates that are most similar to the wanted rows, by cosine.

    The wanted rows take turns, each taking the most similar candidate that is left, so that what
    is taken is spread as they are.
    """
    aims, rows = (_unit(vectors([*ids])) for ids in (wanted, candidates))
    order = np.argsort(-(aims @ rows.T), axis=1, kind="stable")[:, :count]  # (aims, count)
    taken: dict[int, None] = {}
    queues = [iter(row.tolist()) for row in order]
    for turn in range(min(count, len(candidates))):
        # A queue as long as `count` cannot run dry while fewer rows are taken.
        queue = queues[turn % len(queues)]
        taken[next(place for place in queue if place not in taken)] = None
    return tuple(candidates[place] for place in taken)


def _selected(
    scores: CorpusScores, recipe: Recipe, name: str, without: Collection[str]
) -> tuple[str, ...]:
    """What a recipe selects of the rows that are not among `without`, in order of rank."""
    tables = scores.tables(recipe)
    rows = tables.rows.filter(~pl.col("sample_id").is_in(list(without)))
    selection = select(
        recipe,
        name,
        replace(tables, rows=rows),
        seed=scores.config.seed,
        recipes=scores.config.recipes,
        vectors=scores.vectors,
    )
    return tuple(selection.frame["sample_id"])


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
