"""From a recipe's ranking to its selection: budget, quotas, near-duplicates, spread."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from tshirt_assets.config import Recipe
from tshirt_assets.selection.choice import choose
from tshirt_assets.selection.dedupe import Vectors
from tshirt_assets.selection.exclusions import Exclusion
from tshirt_assets.selection.judged import judgement_notes, kept_reasons, kept_rows
from tshirt_assets.selection.methods import METHODS
from tshirt_assets.selection.quotas import quota_rows
from tshirt_assets.selection.ranking import rank_rows
from tshirt_assets.selection.reasons import reasons
from tshirt_assets.selection.relevance import pairing_notes
from tshirt_assets.selection.score_tables import ScoreTables
from tshirt_assets.selection.scores import SCORES

PLACE = ("sample_id", "shard", "row", "domain")
OUTCOME = ("score", "position", "eligible", "selected", "excluded", "kept_at")


@dataclass(frozen=True, slots=True)
class Selection:
    """What one recipe selected, and what became of every other row.

    frame: one line per selected row in order of rank: sample_id, shard, row, domain, recipe, rank
    (1..b), score, reason, and the columns of `SCORES` (null where not known; relevance only where a
    recipe has `min_relevance`). Rows that people keep come first, also those that the recipe rules
    out or has no score for.
    ranking: one line per usable row, sorted by sample_id: sample_id, shard, row, domain, score,
    position (null where the recipe rules the row out, or people keep it), eligible (it has a
    position), selected, excluded (the reason; null on selected rows), kept_at (smallest budget in
    rows, from this one on, that would select it by rank alone; null where not known), and the
    columns of SCORES.
    excluded: rows not selected by reason; with the selected rows they add up to all rows.
    cuts: where robustness decides, the lowest s_ifd_mean of the gamma * b pool and the highest
    s_ifd_std selected from it; for other recipes the last score selected.
    kept: how many of the selected rows people keep.
    guard: with `min_relevance`, the relevance that rows must exceed (floor), and what it means
    here, see `relevance.Pairings.facts`.
    notes: what the user should know (too few eligible rows, a quota not met).
    """

    recipe: str
    frame: pl.DataFrame
    ranking: pl.DataFrame
    budget: int
    usable: int
    excluded: dict[str, int] = field(default_factory=dict)
    cuts: dict[str, float] = field(default_factory=dict)
    guard: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    kept: int = 0


def select(
    recipe: Recipe,
    name: str,
    tables: ScoreTables,
    *,
    seed: int,
    recipes: Mapping[str, Recipe] | None = None,
    vectors: Vectors | None = None,
    plain: pl.DataFrame | None = None,
) -> Selection:
    """Select rows by a recipe: those that people keep, and in the rest of the budget the best.

    seed: the corpus seed. recipes: all recipes by name, for a fusion. vectors: gives embeddings by
    sample_id; needed for `dedupe_similarity` and `diversity`. plain: `plain_scores` of the tables,
    where another recipe has needed them. ValueError where something the
    recipe needs is not given. Too few rows never raise: what is there is taken, and noted.
    """
    ranked = rank_rows(recipe, tables, seed=seed, recipes=recipes, plain=plain)
    budget = recipe.rows(ranked.height)
    eligible = ranked.filter(pl.col("position").is_not_null()).sort("position")
    kept = kept_rows(ranked)
    left = max(0, budget - kept.height)
    taken, why_not = choose(recipe, eligible, left, vectors, kept)
    best = eligible[taken]
    ranking = _ranking(recipe, ranked, eligible, taken, why_not, budget, kept)
    cuts = {} if best.is_empty() else METHODS[recipe.method].order.cuts(eligible, best)
    why = [*kept_reasons(kept), *reasons(recipe, best, cuts, left, seed)]
    chosen = pl.concat([kept, best])
    guard, columns = {}, [*SCORES]
    if recipe.min_relevance is None:  # without it subsets are what they were in earlier versions
        columns.remove("relevance")
    if recipe.min_relevance is not None and tables.pairings is not None:
        guard = tables.pairings.facts(recipe.min_relevance)
    frame = chosen.with_columns(
        recipe=pl.lit(name),
        rank=pl.int_range(1, chosen.height + 1, dtype=pl.Int64),
        reason=pl.Series(why, dtype=pl.String),
    )
    return Selection(
        recipe=name,
        frame=frame.select(*PLACE, "recipe", "rank", "score", "reason", *columns),
        ranking=ranking,
        budget=budget,
        usable=ranked.height,
        excluded=_excluded(tables.rows, ranking),
        cuts=cuts,
        kept=kept.height,
        guard=guard,
        notes=[
            *judgement_notes(ranked, tables, recipe, budget),
            *_notes(recipe, ranked, eligible, chosen, budget),
            *(pairing_notes(tables.pairings) if guard and tables.pairings is not None else []),
        ],
    )


def _ranking(
    recipe: Recipe,
    ranked: pl.DataFrame,
    eligible: pl.DataFrame,
    taken: list[int],
    why_not: list[str | None],
    budget: int,
    kept: pl.DataFrame,
) -> pl.DataFrame:
    """The `ranking` of a Selection, from the ranked rows and what `choose` made of them."""
    selected = np.zeros(eligible.height, bool)
    selected[taken] = True
    by_rank = eligible.select("sample_id").with_columns(
        selected=pl.Series(selected), turned_down=pl.Series(why_not, dtype=pl.String)
    )
    by_hand = kept.select("sample_id", selected=pl.lit(True))
    outcome = pl.concat([by_rank, by_hand], how="diagonal")
    complete = not ranked["excluded"].eq(Exclusion.NOT_A_CONTENDER.value).any()
    left = max(0, budget - kept.height)
    order = METHODS[recipe.method].order
    kept_at = pl.concat(
        [
            order.kept_at(recipe, eligible, left, complete=complete).select(
                "sample_id", pl.col("kept_at").cast(pl.Int64) + kept.height
            ),
            kept.select("sample_id", kept_at=pl.lit(budget, pl.Int64)),
        ]
    )
    reason = pl.coalesce("excluded", "turned_down", pl.lit(Exclusion.OVER_BUDGET.value))
    return (
        ranked.join(outcome, on="sample_id", how="left", maintain_order="left")
        .with_columns(
            pl.col("selected").fill_null(False), eligible=pl.col("position").is_not_null()
        )
        .with_columns(excluded=pl.when(~pl.col("selected")).then(reason))
        .join(kept_at, on="sample_id", how="left", maintain_order="left")
        .select(*PLACE, *OUTCOME, *SCORES)
    )


def _excluded(rows: pl.DataFrame, ranking: pl.DataFrame) -> dict[str, int]:
    """Rows not selected, by reason, most frequent first; ties in order of the reasons."""
    counts = Counter(dict(rows.filter(pl.col("status") != "ok")["status"].value_counts().rows()))
    counts[Exclusion.DUPLICATE.value] = rows.height - counts.total() - ranking.height
    counts.update(dict(ranking["excluded"].drop_nulls().value_counts().rows()))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {reason: count for reason, count in ordered if count}


def _notes(
    recipe: Recipe, ranked: pl.DataFrame, eligible: pl.DataFrame, chosen: pl.DataFrame, budget: int
) -> list[str]:
    notes = []
    left = max(0, budget - chosen["position"].null_count())  # beside those that people keep
    if isinstance(recipe.budget, int) and recipe.budget > ranked.height:
        notes.append(f"budget of {recipe.budget} rows, but only {ranked.height} are usable")
    if chosen.height < budget:
        notes.append(f"selected {chosen.height} rows instead of {budget}: no more qualify")
    notes += METHODS[recipe.method].order.notes(recipe, eligible.height, left)
    taken = Counter(chosen["domain"])
    for domain, share in recipe.quotas.items():
        quota = quota_rows(share, budget)
        if taken[domain] < quota:
            notes.append(f"quota of {domain!r}: {taken[domain]} of {quota} rows could be selected")
    return notes
