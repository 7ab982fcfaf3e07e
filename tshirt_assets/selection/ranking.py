"""Every recipe's complete ranking of the usable rows: what the budget, quotas and fusion cut from.

A ranking has one line per usable row: sample_id, shard, row, domain, the scores that may decide
(`SCORES`), `score` (the recipe's own), `position` (1 = first choice; null where the recipe rules
the row out) and `excluded` (why it does; null where it does not).
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum

import polars as pl

from tshirt_assets.config import Recipe
from tshirt_assets.corpus.status import Status
from tshirt_assets.selection.hierarchical import hierarchical_order
from tshirt_assets.selection.quotas import quota_rows
from tshirt_assets.selection.score_tables import Exclusion, ScoreTables, finite, usable

SCORES = {
    "ifd": pl.Float64,
    "n_response_tokens": pl.Int64,
    "s_ifd_mean": pl.Float64,
    "s_ifd_std": pl.Float64,
    "ifd_mean": pl.Float64,
    "miwv": pl.Float64,
}
RRF_CONSTANT = 60
"""Cormack, Clarke and Buettcher, SIGIR 2009: how little the very first places dominate."""

_ROBUST = ("s_ifd_mean", "s_ifd_std", "ifd_mean")
_SCORE = {
    "tshirt": "s_ifd_mean",
    "reference": "s_ifd_mean",
    "miwv": "miwv",
    "ifd": "ifd",
    "longest": "n_response_tokens",
}


def rank_rows(
    recipe: Recipe, tables: ScoreTables, *, seed: int, recipes: Mapping[str, Recipe] | None = None
) -> pl.DataFrame:
    """The ranking of one recipe, sorted by sample_id; ties break by sample_id.

    `seed` is the corpus seed, for random recipes without their own. `recipes` holds the parts of
    a fusion by name. ValueError if a table that the recipe needs is not there.
    """
    joined = _joined(recipe, tables)
    if recipe.method == "fusion":
        if recipes is None:
            raise ValueError(f"fusion of {', '.join(recipe.fuse)}: the recipes are not given")
        parts = {
            name: rank_rows(recipes[name], tables, seed=seed).select("sample_id", "position")
            for name in recipe.fuse
        }
        return _fused(joined, parts)
    if recipe.method == "random":
        own_seed = seed if recipe.seed is None else recipe.seed
        draws = [random_draw(own_seed, sample_id) for sample_id in joined["sample_id"]]
        scored = joined.with_columns(score=pl.Series(draws, dtype=pl.Float64))
    else:
        scored = joined.with_columns(score=pl.col(_SCORE[recipe.method]).cast(pl.Float64))
    ruled = scored.with_columns(excluded=_exclusion(recipe.method))
    eligible = ruled.filter(pl.col("excluded").is_null())
    if recipe.method in ("tshirt", "reference"):
        budget = recipe.rows(joined.height)
        quotas = {name: quota_rows(share, budget) for name, share in recipe.quotas.items()}
        ordered = hierarchical_order(eligible, budget=budget, gamma=recipe.gamma, quotas=quotas)
    else:
        ordered = eligible.sort("score", "sample_id", descending=[True, False])
    return _with_positions(ruled, ordered)


def random_draw(seed: int, sample_id: str) -> float:
    """A number in [0, 1) that depends on nothing but the seed and the content."""
    digest = hashlib.blake2b(f"{seed}:{sample_id}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / (1 << 53)


def _fused(joined: pl.DataFrame, parts: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Reciprocal rank fusion: score = sum over recipes of 1 / (60 + position).

    It needs neither comparable scores nor complete rankings: a recipe adds nothing for a row that
    it rules out, and a row that all of them rule out is ruled out. Each part's position is kept
    as `position_NAME`.
    """
    for name, part in parts.items():
        joined = joined.join(
            part.rename({"position": f"position_{name}"}), on="sample_id", how="left"
        )
    shares = [1.0 / (RRF_CONSTANT + pl.col(f"position_{name}")) for name in parts]
    scored = joined.with_columns(score=pl.sum_horizontal(shares))
    ruled = scored.with_columns(
        score=pl.when(pl.col("score") > 0).then(pl.col("score")),
        excluded=pl.when(pl.col("score") == 0).then(pl.lit(Exclusion.NO_SCORE.value)),
    )
    eligible = ruled.filter(pl.col("excluded").is_null())
    return _with_positions(ruled, eligible.sort("score", "sample_id", descending=[True, False]))


def _with_positions(ruled: pl.DataFrame, ordered: pl.DataFrame) -> pl.DataFrame:
    kept = [name for name in ("sample_id", "mean_rank", "in_pool") if name in ordered.columns]
    positions = ordered.select(*kept, position=pl.int_range(1, ordered.height + 1, dtype=pl.Int64))
    return ruled.join(positions, on="sample_id", how="left").sort("sample_id")


def _joined(recipe: Recipe, tables: ScoreTables) -> pl.DataFrame:
    """Usable rows with every score there is; missing tables give null columns."""
    robust = tables.reference if recipe.method == "reference" else tables.robust
    if robust is not None and recipe.estimator:
        robust = robust.filter(pl.col("estimator") == recipe.estimator)
    needed = {
        "tshirt": ("robust_scores", robust),
        "reference": ("robust_scores with the reference tau", robust),
        "miwv": ("miwv_scores", tables.miwv),
    }
    name, table = needed.get(recipe.method, ("", tables.rows))
    if table is None:
        raise ValueError(f"method={recipe.method} needs {name}, which are not given")
    frame = usable(tables.rows)
    for missing in {"ifd", "n_response_tokens", "domain"} - set(frame.columns):
        frame = frame.with_columns(pl.lit(None).alias(missing))
    frame = frame.select(
        "sample_id", "shard", "row", pl.col("domain").cast(pl.String), "ifd", "n_response_tokens"
    )
    frame = _with_scores(frame, "robust", robust, _ROBUST)
    frame = _with_scores(frame, "miwv", tables.miwv, ("miwv",))
    return frame.with_columns(pl.col(name).cast(dtype) for name, dtype in SCORES.items())


def _with_scores(
    frame: pl.DataFrame, prefix: str, scores: pl.DataFrame | None, columns: tuple[str, ...]
) -> pl.DataFrame:
    """Join score columns and their status, as `PREFIX_status`, by sample_id."""
    status = f"{prefix}_status"
    if scores is None:
        nulls = [pl.lit(None, pl.Float64).alias(column) for column in columns]
        return frame.with_columns(pl.lit(None, pl.String).alias(status), *nulls)
    unique = scores.select("sample_id", pl.col("status").alias(status), *columns).unique(
        "sample_id", keep="first", maintain_order=True
    )
    return frame.join(unique, on="sample_id", how="left")


def _exclusion(method: str) -> pl.Expr:
    """Why the method rules a row out, or null."""
    if method in ("tshirt", "reference"):
        absent = _where(pl.col("robust_status").is_null(), Exclusion.NOT_A_CONTENDER)
        too_high = _where(pl.col("ifd_mean") >= 1.0, Exclusion.IFD)
        return pl.coalesce(absent, _not_ok("robust_status"), _no_number(*_ROBUST), too_high)
    if method == "miwv":
        absent = _where(pl.col("miwv_status").is_null(), Exclusion.NO_SCORE)
        return pl.coalesce(absent, _not_ok("miwv_status"), _no_number("miwv"))
    if method == "ifd":
        return pl.coalesce(_no_number("ifd"), _where(pl.col("ifd") >= 1.0, Exclusion.IFD))
    return _where(~finite("score"), Exclusion.NO_SCORE)


def _where(condition: pl.Expr, reason: StrEnum) -> pl.Expr:
    return pl.when(condition).then(pl.lit(reason.value))


def _not_ok(status: str) -> pl.Expr:
    return pl.when(pl.col(status) != Status.OK.value).then(pl.col(status))


def _no_number(*columns: str) -> pl.Expr:
    """A score of an ok row that is no number must not reach a sort."""
    numbers = pl.all_horizontal(finite(column) for column in columns)
    return _where(~numbers, Status.NON_FINITE_LOSS)
