"""Every recipe's complete ranking of the usable rows: what the budget, quotas and fusion cut from.

A ranking has one line per usable row: sample_id, shard, row, domain, the columns of `SCORES`,
`score` (the recipe's own), `position` (1 = first choice; null where the recipe rules the row out,
and where people keep it), `excluded` (why it is ruled out; null where it is not), and `verdict`,
`who` and `at` of people's judgements.
"""

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from tshirt_assets.config import Recipe
from tshirt_assets.selection.exclusions import not_relevant
from tshirt_assets.selection.judged import KEPT, with_verdicts
from tshirt_assets.selection.methods import METHODS
from tshirt_assets.selection.score_tables import ScoreTables, status_column, usable
from tshirt_assets.selection.scores import OTHERS, SCORES, columns_of


def rank_rows(
    recipe: Recipe,
    tables: ScoreTables,
    *,
    seed: int,
    recipes: Mapping[str, Recipe] | None = None,
    plain: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The ranking of one recipe, sorted by sample_id; ties break by sample_id.

    `seed` is the corpus seed, for random recipes without their own. `recipes` holds the parts of
    a fusion by name; the ranking of a fusion has the position in each part, too, as
    `position_NAME`; its parts rank without judgements. `plain`: `plain_scores` of the tables, where
    it is known; every recipe ranks by the same. ValueError if a table that the recipe needs
    is not there.
    """
    method = METHODS[recipe.method]
    plain = plain_scores(tables) if plain is None else plain
    joined = _joined(recipe, tables, plain)
    if recipe.fuse and recipes is None:
        raise ValueError(f"fusion of {', '.join(recipe.fuse)}: the recipes are not given")
    for name in recipe.fuse:
        unjudged = replace(tables, judged=None)
        part = rank_rows(recipes[name], unjudged, seed=seed, plain=plain)  # type: ignore[index]
        places = part.select("sample_id", pl.col("position").alias(f"position_{name}"))
        joined = joined.join(places, on="sample_id", how="left", maintain_order="left")
    scored = joined.with_columns(score=method.scored(recipe, seed)).with_columns(
        excluded=_ruled_out(recipe, tables)
    )
    ruled = with_verdicts(scored, tables, recipe)
    by_hand = KEPT.fill_null(False)
    eligible = ruled.filter(pl.col("excluded").is_null(), ~by_hand)
    left = max(0, recipe.rows(joined.height) - ruled.filter(by_hand).height)
    ordered = method.order.sort(recipe, eligible, left)
    kept = [name for name in ("sample_id", "mean_rank", "in_pool") if name in ordered.columns]
    positions = ordered.select(*kept, position=pl.int_range(1, ordered.height + 1, dtype=pl.Int64))
    return ruled.join(positions, on="sample_id", how="left", maintain_order="left")


def _ruled_out(recipe: Recipe, tables: ScoreTables) -> pl.Expr:
    """Why a row is ruled out: by `min_relevance`, whatever else speaks for it, or by the method."""
    excluded = METHODS[recipe.method].excluded
    if recipe.min_relevance is None:
        return excluded
    if tables.pairings is None or tables.of("relevance") is None:
        raise ValueError("min_relevance needs the relevance of the rows, which is not given")
    return pl.coalesce(not_relevant(tables.pairings.floor(recipe.min_relevance)), excluded)


def plain_scores(tables: ScoreTables) -> pl.DataFrame:
    """Usable rows, sorted by sample_id, with every score but the robust ones, for any recipe.

    Tables that are missing give null columns.
    """
    frame = usable(tables.rows)
    clean = columns_of("token_scores")
    for missing in {*clean, "domain"} - set(frame.columns):
        frame = frame.with_columns(pl.lit(None).alias(missing))
    frame = frame.select("sample_id", "shard", "row", pl.col("domain").cast(pl.String), *clean)
    for table in OTHERS:
        frame = _with_scores(frame, table, tables.of(table))
    return frame


def _joined(recipe: Recipe, tables: ScoreTables, plain: pl.DataFrame) -> pl.DataFrame:
    """Usable rows, sorted by sample_id, with every score there is."""
    method = METHODS[recipe.method]
    if tables.of(method.decided_by) is None:
        raise ValueError(f"method={recipe.method} needs {method.decided_by}, which are not given")
    robust = tables.of(method.decided_by) if method.by_robustness else tables.robust
    if robust is not None and recipe.estimator:
        robust = robust.filter(pl.col("estimator") == recipe.estimator)
    frame = _with_scores(plain, "robust_scores", robust)
    return frame.with_columns(pl.col(name).cast(score.dtype) for name, score in SCORES.items())


def _with_scores(frame: pl.DataFrame, table: str, scores: pl.DataFrame | None) -> pl.DataFrame:
    """Join a table's score columns, and its status under a name of its own, by sample_id."""
    status, columns = status_column(table), columns_of(table)
    if scores is None:
        nulls = [pl.lit(None, SCORES[column].dtype).alias(column) for column in columns]
        return frame.with_columns(pl.lit(None, pl.String).alias(status), *nulls)
    unique = scores.select("sample_id", pl.col("status").alias(status), *columns).unique(
        "sample_id", keep="first", maintain_order=True
    )
    return frame.join(unique, on="sample_id", how="left", maintain_order="left")
