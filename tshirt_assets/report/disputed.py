"""Rows that recipes disagree on, by the places that each recipe gives them."""

from collections.abc import Mapping
from typing import Final

import polars as pl

LOW: Final = 0.5
"""Share of a recipe's places below which a row counts as ranked low."""
MOST: Final = 20  # rows that recipes disagree on
EACH: Final = 5  # rows that only one recipe selects


def taken_rows(rankings: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """A line for every row that at least one recipe selects, with what all make of it.

    rankings: by recipe sample_id, position (null where it rules the row out) and selected. Columns:
    sample_id, recipe, position, selected, and depth, the position as a share of the recipe's
    places (1.0 where the row has none); one line per row and recipe.
    """
    parts = [
        frame.select(
            "sample_id",
            pl.lit(name).alias("recipe"),
            pl.col("position").cast(pl.Int64),
            "selected",
            depth=(pl.col("position") / pl.col("position").max()).cast(pl.Float64).fill_null(1.0),
        )
        for name, frame in rankings.items()
    ]
    taken = pl.concat([part.filter("selected").select("sample_id") for part in parts]).unique()
    return pl.concat([part.join(taken, on="sample_id", how="semi") for part in parts])


def disputed_rows(taken: pl.DataFrame) -> list[str]:
    """Ids of the rows that some recipes select and others rank low, the most disputed first.

    One voice against all others weighs little, whichever side it is on: what counts first is the
    smaller of the two camps, then how low the others rank the row on average.
    """
    others = ~pl.col("selected")
    camps = taken.group_by("sample_id").agg(
        takers=pl.col("selected").sum(),
        against=(others & (pl.col("depth") > LOW)).sum(),
        depth=pl.col("depth").filter(others).mean(),
    )
    return (
        camps.filter(pl.col("against") > 0)
        .with_columns(camp=pl.min_horizontal("takers", "against"))
        .sort("camp", "depth", "sample_id", descending=[True, True, False])
        .head(MOST)["sample_id"]
        .to_list()
    )


def only_rows(taken: pl.DataFrame) -> dict[str, tuple[int, list[str]]]:
    """By recipe: how many rows only it selects, and the ids of those that others rank lowest."""
    others = ~pl.col("selected")
    alone = (
        taken.group_by("sample_id")
        .agg(
            takers=pl.col("selected").sum(),
            recipe=pl.col("recipe").filter("selected").first(),
            nearest=pl.col("depth").filter(others).min(),
        )
        .filter(pl.col("takers") == 1)
        .sort("nearest", "sample_id", descending=[True, False])
    )
    return {
        str(recipe): (group.height, group.head(EACH)["sample_id"].to_list())
        for (recipe,), group in alone.group_by("recipe", maintain_order=True)
    }
