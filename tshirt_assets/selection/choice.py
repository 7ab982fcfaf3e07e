"""Which rows of a ranking are taken: budget, quotas, near-duplicates and spread together."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import polars as pl

from tshirt_assets.config import DiversityOptions, Recipe
from tshirt_assets.selection.dedupe import SimilarityFilter, Vectors
from tshirt_assets.selection.diversity import groups, spread
from tshirt_assets.selection.exclusions import Exclusion
from tshirt_assets.selection.hierarchical import pool_rows
from tshirt_assets.selection.quotas import Seats, fill


def choose(
    recipe: Recipe,
    order: pl.DataFrame,
    budget: int,
    vectors: Vectors | None,
    kept: pl.DataFrame | None = None,
) -> tuple[list[int], list[str | None]]:
    """Take rows of a ranking.

    order: sample_id and domain of the eligible rows, best first. kept: the same of rows that are in
    beforehand, and not among them: `budget` is what they leave, their seats count for the quotas,
    and rows too similar to them are skipped. Returns the indices of the rows taken, ascending, and
    for every row why it was passed over (null: beyond the budget, or taken).

    The ranking is walked with quotas and the similarity filter until the budget is full. A
    diversity step then walks on for further candidates and chooses among all of them by spread,
    within each domain where there are quotas, so that the quotas stay as the walk filled them.
    """
    n = order.height
    why_not: list[str | None] = [None] * n
    if not (recipe.quotas or recipe.dedupe_similarity or recipe.diversity):
        return list(range(min(budget, n))), why_not
    if vectors is None and (recipe.dedupe_similarity or recipe.diversity):
        raise ValueError("dedupe_similarity and diversity need embeddings, which are not given")
    kept = order.clear() if kept is None else kept
    domains = order["domain"].to_list()
    admits, on_take = _similarity(recipe, kept, order, vectors)
    available = Counter(domains)
    seats = Seats.of(budget, recipe.quotas, available, kept["domain"].to_list())
    taken, passed, refused = fill(range(n), domains, seats, admits, on_take)
    if recipe.diversity and vectors is not None:
        extra = pool_rows(recipe.diversity.pool, budget) - budget
        seats = Seats.of(extra, recipe.quotas, available - Counter(domains[i] for i in taken))
        seen = {*taken, *refused}
        rest = [i for i in range(n) if i not in seen]
        more, _, more_refused = fill(rest, domains, seats, admits, on_take)
        refused += more_refused
        base, candidates = taken, sorted(taken + more)
        taken = _spread(base, candidates, recipe.diversity, bool(recipe.quotas), order, vectors)
        for index in candidates:
            why_not[index] = Exclusion.NOT_SPREAD.value

    for index in passed:
        if index < budget and why_not[index] is None:
            why_not[index] = Exclusion.QUOTA.value
    for index in refused:
        why_not[index] = Exclusion.TOO_SIMILAR.value
    for index in taken:
        why_not[index] = None
    return sorted(taken), why_not


def _similarity(
    recipe: Recipe, kept: pl.DataFrame, order: pl.DataFrame, vectors: Vectors | None
) -> tuple[Callable[[int], bool] | None, Callable[[int], None] | None]:
    """Whether a row of the order is unlike all taken and kept ones, and what hears of one taken."""
    if vectors is None or not recipe.dedupe_similarity:
        return None, None
    ids = [*kept["sample_id"], *order["sample_id"]]
    similar, first = SimilarityFilter(ids, vectors, recipe.dedupe_similarity), kept.height
    for index in range(first):
        similar.add(index)
    return lambda index: similar.admits(first + index), lambda index: similar.add(first + index)


def _spread(
    base: list[int],
    candidates: list[int],
    options: DiversityOptions,
    by_domain: bool,
    order: pl.DataFrame,
    vectors: Vectors,
) -> list[int]:
    """As many of the candidates as `base` has, chosen by spread; per domain as many as `base`."""
    ids = order["sample_id"]
    domains = order["domain"].to_list() if by_domain else [None] * order.height
    wanted = Counter(domains[i] for i in base)
    taken: list[int] = []
    for domain, rows in wanted.items():
        members = np.array([i for i in candidates if domains[i] == domain])
        for group, part in groups(len(members), rows):
            rows_of_group = members[group]
            chosen = spread(vectors(ids[rows_of_group].to_list()), part, options.method)
            taken.extend(rows_of_group[chosen].tolist())
    return taken
