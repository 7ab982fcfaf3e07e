"""From a recipe's ranking to its selection: budget, quotas, near-duplicates, spread."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from tshirt_assets.config import Recipe
from tshirt_assets.selection.choice import choose
from tshirt_assets.selection.dedupe import Vectors
from tshirt_assets.selection.hierarchical import keeping_budgets, pool_rows
from tshirt_assets.selection.quotas import quota_rows
from tshirt_assets.selection.ranking import SCORES, rank_rows
from tshirt_assets.selection.reasons import reasons
from tshirt_assets.selection.score_tables import Exclusion, ScoreTables


@dataclass(frozen=True, slots=True)
class Selection:
    """What one recipe selected, and what became of every other row.

    frame: one line per selected row in order of rank: sample_id, shard, row, domain, recipe, rank
    (1..b), score, reason, and the columns of `ranking.SCORES` (null where not known).
    ranking: one line per usable row, sorted by sample_id: sample_id, shard, row, domain, score,
    position (null where the recipe rules the row out), eligible, selected, excluded (the reason;
    null on selected rows), kept_at (smallest budget in rows, from this one on, that would select
    it by rank alone; null where not known), and the columns of SCORES.
    excluded: rows not selected by reason; with the selected rows they add up to all rows.
    cuts: for `tshirt` and `reference`, the lowest s_ifd_mean of the gamma * b pool and the highest
    s_ifd_std selected; for other recipes the last score selected.
    notes: what the user should know (too few eligible rows, a quota not met).
    """

    recipe: str
    frame: pl.DataFrame
    ranking: pl.DataFrame
    budget: int
    usable: int
    excluded: dict[str, int] = field(default_factory=dict)
    cuts: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def select(
    recipe: Recipe,
    name: str,
    tables: ScoreTables,
    *,
    seed: int,
    recipes: Mapping[str, Recipe] | None = None,
    vectors: Vectors | None = None,
) -> Selection:
    """Select rows by a recipe.

    seed: the corpus seed. recipes: all recipes by name, for a fusion. vectors: gives embeddings by
    sample_id; needed for `dedupe_similarity` and `diversity`. ValueError where something the
    recipe needs is not given. Too few rows never raise: what is there is taken, and noted.
    """
    ranked = rank_rows(recipe, tables, seed=seed, recipes=recipes)
    budget = recipe.rows(ranked.height)
    order = ranked.filter(pl.col("position").is_not_null()).sort("position")
    taken, why_not = choose(recipe, order, budget, vectors)

    chosen = order[taken]
    outcome = order.select("sample_id").with_columns(
        selected=pl.Series(_mask(taken, order.height)),
        turned_down=pl.Series(why_not, dtype=pl.String),
    )
    ranking = (
        ranked.join(outcome, on="sample_id", how="left", maintain_order="left")
        .with_columns(
            pl.col("selected").fill_null(False), eligible=pl.col("position").is_not_null()
        )
        .with_columns(
            excluded=pl.when(~pl.col("selected")).then(
                pl.coalesce("excluded", "turned_down", pl.lit(Exclusion.OVER_BUDGET.value))
            )
        )
        .join(_kept_at(recipe, ranked, budget), on="sample_id", how="left", maintain_order="left")
    )
    cuts = _cuts(recipe, ranked, chosen)
    frame = chosen.with_columns(
        recipe=pl.lit(name),
        rank=pl.int_range(1, chosen.height + 1, dtype=pl.Int64),
        reason=pl.Series(reasons(recipe, chosen, cuts, budget, seed), dtype=pl.String),
    )
    columns = ("sample_id", "shard", "row", "domain")
    outcome_columns = ("score", "position", "eligible", "selected", "excluded", "kept_at")
    return Selection(
        recipe=name,
        frame=frame.select(*columns, "recipe", "rank", "score", "reason", *SCORES),
        ranking=ranking.select(*columns, *outcome_columns, *SCORES),
        budget=budget,
        usable=ranked.height,
        excluded=_excluded(tables.rows, ranking),
        cuts=cuts,
        notes=_notes(recipe, ranked, order, chosen, budget),
    )


def _mask(indices: list[int], n: int) -> np.ndarray:
    mask = np.zeros(n, bool)
    mask[indices] = True
    return mask


def _kept_at(recipe: Recipe, ranked: pl.DataFrame, budget: int) -> pl.DataFrame:
    """sample_id and kept_at of the eligible rows; quotas, similarity and spread are left out."""
    eligible = ranked.filter(pl.col("position").is_not_null())
    if recipe.method not in ("tshirt", "reference"):
        return eligible.select("sample_id", kept_at=pl.col("position").clip(lower_bound=budget))
    last = eligible.height
    if ranked["excluded"].eq(Exclusion.NOT_A_CONTENDER.value).any():
        # Beyond the contenders a larger pool would hold rows that nobody has perturbed.
        last = max(budget, int(last / recipe.gamma))
    return keeping_budgets(eligible, budget=budget, gamma=recipe.gamma, last=last)


def _cuts(recipe: Recipe, ranked: pl.DataFrame, chosen: pl.DataFrame) -> dict[str, float]:
    """Where the selection ends, by score; empty if nothing is selected."""
    if chosen.is_empty():
        return {}
    if recipe.method not in ("tshirt", "reference"):
        return {"score": chosen["score"].min()}  # type: ignore[dict-item]
    cuts = {
        "s_ifd_mean": ranked.filter("in_pool")["s_ifd_mean"].min(),
        "s_ifd_std": chosen.filter("in_pool")["s_ifd_std"].max(),
    }
    return {name: float(cut) for name, cut in cuts.items() if cut is not None}  # type: ignore[arg-type]


def _excluded(rows: pl.DataFrame, ranking: pl.DataFrame) -> dict[str, int]:
    """Rows not selected, by reason, most frequent first."""
    counts = Counter(dict(rows.filter(pl.col("status") != "ok")["status"].value_counts().rows()))
    counts[Exclusion.DUPLICATE.value] = rows.height - counts.total() - ranking.height
    counts.update(dict(ranking["excluded"].drop_nulls().value_counts().rows()))
    return {reason: count for reason, count in counts.most_common() if count}


def _notes(
    recipe: Recipe, ranked: pl.DataFrame, order: pl.DataFrame, chosen: pl.DataFrame, budget: int
) -> list[str]:
    notes = []
    if isinstance(recipe.budget, int) and recipe.budget > ranked.height:
        notes.append(f"budget of {recipe.budget} rows, but only {ranked.height} are usable")
    if chosen.height < budget:
        notes.append(f"selected {chosen.height} rows instead of {budget}: no more qualify")
    if recipe.method in ("tshirt", "reference"):
        wanted = pool_rows(recipe.gamma, budget)
        if order.height < wanted:
            notes.append(
                f"only {order.height} rows are eligible for the {wanted} (gamma * budget) that "
                "compete by std; all of them competed"
            )
    taken = Counter(chosen["domain"])
    for domain, share in recipe.quotas.items():
        quota = quota_rows(share, budget)
        if taken[domain] < quota:
            notes.append(f"quota of {domain!r}: {taken[domain]} of {quota} rows could be selected")
    return notes
