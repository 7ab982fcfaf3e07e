"""Which rows will be contenders, before all of them are scored.

How many there are follows from the recipes. Which ones decides how long they are, and with it what
they cost: an instruction changes a long answer less per token, so that contenders are longer than
other rows. Rows that are scored already say how S-IFD goes with length in this corpus; without
them, what was found with SmolLM2 stands in.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import polars as pl

from tshirt_assets.config import CorpusConfig, Recipe
from tshirt_assets.corpus.status import Status
from tshirt_assets.incremental.tolerance import kept_tau
from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo

ENOUGH_SCORED = 50
"""Scored rows from which the scores of the others are taken."""
LIKE_ROWS = 0.05
"""Share of the scored rows, the most alike in length, of which one stands in for another row."""
PROMPT_POWER, SCATTER = 0.5, 0.8
"""S-IFD ranks like log(response / prompt ** PROMPT_POWER) with a noise of SCATTER.

With these, contenders of the 283 rows of the sample corpus are 1.37, 1.32, 1.25 and 1.20 times as
long as all rows, at 7, 13.5, 25 and 40 % of them; with SmolLM2's scores 1.35, 1.37, 1.26 and 1.22.
"""
DRAWS = 16
ALMOST_ALL = 0.05
"""Share of new rows up to which tau is taken to stay within its tolerance."""


@dataclass(frozen=True, slots=True)
class KnownScores:
    """Clean scores that are stored: frame with sample_id, ifd, s_ifd (null without one); tau.

    settled: whether the tau of these rows will stay when the missing ones have been scored.
    """

    frame: pl.DataFrame
    tau: float | None
    settled: bool


def known_scores(
    store: Store, config: CorpusConfig, identity: str, wanted: pl.DataFrame
) -> KnownScores:
    """The stored clean scores of the rows in `wanted` (sample_id).

    Stored rows of files that are gone do not count. tau is that of the contenders where the present
    quantile is within `tau_tolerance` of it, as in a run.
    """
    from tshirt_assets.scoring.sifd import s_ifd_rows
    from tshirt_assets.selection.threshold import threshold

    ids = wanted["sample_id"].unique().implode()
    tables = [
        info for info in store.stored(config.name, "token_scores") if info.identity == identity
    ]
    nothing = KnownScores(
        pl.DataFrame(schema={"sample_id": pl.String, "ifd": pl.Float64, "s_ifd": pl.Float64}),
        None,
        False,
    )
    try:
        quantile = threshold(
            lambda: (deltas for _, deltas in _deltas(store, tables, ids)), config.keep_fraction
        )
    except (StoreError, ValueError):  # damaged, or nothing is scored
        return nothing
    tau = quantile
    with suppress(StoreError):  # a table that cannot be read stands for no tau
        tau = kept_tau(store, config, quantile)
    parts = []
    for rows, deltas in _deltas(store, tables, ids):
        scores = s_ifd_rows(deltas, rows["_count"].to_numpy(), tau)
        parts.append(rows.with_columns(s_ifd=pl.Series(scores, dtype=pl.Float64)))
    frame = pl.concat(parts).drop("_count").with_columns(pl.col("s_ifd").fill_nan(None))
    share = frame.height / max(1, wanted["sample_id"].n_unique())
    settled = share >= (1.0 - ALMOST_ALL if config.tau_tolerance else 1.0)
    return KnownScores(frame, tau, settled)


def _deltas(
    store: Store, tables: list[TableInfo], ids: pl.Series
) -> Iterator[tuple[pl.DataFrame, np.ndarray]]:
    """(sample_id, ifd and number of deltas; the deltas one after the other) of distinct rows."""
    seen: set[str] = set()
    for info in tables:
        columns = ["sample_id", "ifd", "token_delta"]
        for batch in store.batches(
            info.corpus, info.asset, info.shard, columns=columns, where="status = 'ok'"
        ):
            here = pl.col("sample_id")
            frame = pl.DataFrame(pl.from_arrow(batch)).filter(
                here.is_in(ids), here.is_first_distinct(), ~here.is_in(list(seen))
            )
            seen |= set(frame["sample_id"])
            counts = frame["token_delta"].list.len().fill_null(0)
            deltas = frame["token_delta"].explode().drop_nulls().to_numpy()
            rows = frame.select("sample_id", "ifd").with_columns(_count=counts.cast(pl.Int64))
            if rows.height:
                yield rows, deltas


def foreseen_contenders(
    rows: pl.DataFrame, known: pl.DataFrame, config: CorpusConfig
) -> pl.DataFrame:
    """`rows` (see `RowTokens`) with `contender`, the probability that each of them is one.

    known: the frame of `KnownScores`. Where it has all rows the probabilities are 0 or 1.
    """
    from tshirt_assets.selection.contenders import contenders

    scale = float(rows["weight"].to_numpy().sum()) / max(1, rows.height)
    recipes = [_scaled(recipe, scale) for recipe in config.recipes.values()]
    usable = pl.col("response") > 0
    clean = rows.join(known, on="sample_id", how="left", maintain_order="left").with_columns(
        status=pl.when(usable).then(pl.lit(Status.OK)).otherwise(pl.lit(Status.PROMPT_TOO_LONG)),
        _scored=pl.col("ifd").is_not_null(),
    )
    draws = 1 if clean.filter(usable)["_scored"].all() else DRAWS
    places = ["sample_id", "shard"]
    chosen = [
        contenders(_filled(clean, seed), recipes, margin=config.robustness.margin).select(places)
        for seed in range(draws)
    ]
    share = pl.concat(chosen).group_by(places).len().with_columns(contender=pl.col("len") / draws)
    return rows.join(share.drop("len"), on=places, how="left", maintain_order="left").with_columns(
        pl.col("contender").fill_null(0.0)
    )


def _scaled(recipe: Recipe, scale: float) -> Recipe:
    """The recipe for a sample of rows that stand for `scale` rows each."""
    if scale <= 1.0 or not isinstance(recipe.budget, int):
        return recipe
    return recipe.model_copy(update={"budget": max(1, round(recipe.budget / scale))})


def _filled(clean: pl.DataFrame, seed: int) -> pl.DataFrame:
    """`clean` with one possible ifd and s_ifd for each row that has none yet."""
    rng = np.random.default_rng(seed)
    scored = clean.filter("_scored")
    place = np.log(clean["response"].clip(1).to_numpy()) - PROMPT_POWER * np.log(
        clean["prompt"].clip(1).to_numpy()
    )
    if scored.height == clean.height:
        return clean
    if scored.height < ENOUGH_SCORED:
        guess = place + SCATTER * rng.standard_normal(clean.height)
        return clean.with_columns(ifd=pl.lit(0.9), s_ifd=pl.Series(guess))
    mask = clean["_scored"].to_numpy()
    order = np.argsort(place[mask])
    reach = max(1.0, LIKE_ROWS * scored.height)
    at = np.searchsorted(place[mask][order], place) + rng.uniform(-reach, reach, clean.height)
    donors = order[np.clip(at.astype(int), 0, scored.height - 1)]
    other = scored.select("ifd", "s_ifd")[donors]
    return clean.with_columns(
        ifd=pl.when("_scored").then("ifd").otherwise(other["ifd"]),
        s_ifd=pl.when("_scored").then("s_ifd").otherwise(other["s_ifd"]),
    )
