"""Rows that people have judged: a kept row is in before a recipe chooses, a dropped one is out.

Every recipe honours judgements unless it says otherwise, the ones that others are compared with
too (`random`, `longest`, `reference`): a row that somebody has read and found broken makes any
subset worse, and a comparison in which one side alone was cleaned by hand compares the hand. A
recipe with `judgements: ignore` shows what the scores alone would choose.
"""

from collections.abc import Sequence
from typing import Final

import polars as pl

from tshirt_assets.config import Recipe
from tshirt_assets.corpus.status import Status
from tshirt_assets.selection.exclusions import Exclusion
from tshirt_assets.selection.score_tables import ScoreTables

KEPT: Final = pl.col("verdict") == "keep"
DROPPED: Final = pl.col("verdict") == "drop"
COLUMNS: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "verdict": pl.String,
    "who": pl.String,
    "at": pl.Datetime("us", "UTC"),
}


def with_verdicts(ranked: pl.DataFrame, tables: ScoreTables, recipe: Recipe) -> pl.DataFrame:
    """Rows with what was said of them: verdict, who, at (null where nothing was, or counts).

    A dropped row is excluded as such, whatever else would rule it out; a kept one is by nothing.
    """
    if tables.judged is None or recipe.judgements == "ignore":
        nulls = [pl.lit(None, dtype).alias(name) for name, dtype in COLUMNS.items()]
        return ranked.with_columns(nulls)
    said = tables.judged.select("sample_id", *COLUMNS)
    dropped = pl.when(DROPPED).then(pl.lit(Exclusion.JUDGED_DROP.value))
    judged = ranked.join(said, on="sample_id", how="left", maintain_order="left")
    return judged.with_columns(
        excluded=pl.when(~KEPT.fill_null(False)).then(pl.coalesce(dropped, "excluded"))
    )


def kept_rows(ranked: pl.DataFrame) -> pl.DataFrame:
    """The rows that people keep: highest score first, then those that the recipe has none for."""
    return ranked.filter(KEPT).sort("score", "sample_id", descending=[True, False], nulls_last=True)


def kept_reasons(kept: pl.DataFrame) -> list[str]:
    """Who kept each of these rows, and when."""
    said = pl.format("kept by {} on {}", "who", pl.col("at").dt.strftime("%Y-%m-%d"))
    return kept.select(said).to_series().to_list()


def judgement_notes(
    ranked: pl.DataFrame, tables: ScoreTables, recipe: Recipe, budget: int
) -> Sequence[str]:
    """What judgements have done to a selection, and which of them could not count."""
    if tables.judged is None or recipe.judgements == "ignore":
        return []
    kept, dropped = (ranked.filter(which).height for which in (KEPT, DROPPED))
    notes = []
    if kept or dropped:
        notes.append(f"rows judged by hand: {kept} kept, {dropped} dropped")
    if kept > budget:
        notes.append(f"more rows are kept than the budget of {budget}: all {kept} are in")
    unusable = tables.rows.filter(pl.col("status") != Status.OK.value).join(
        tables.judged.filter(KEPT), on="sample_id", how="semi"
    )
    counts = unusable["status"].value_counts(sort=True).rows()
    notes += [f"{count} kept rows cannot be selected: {status}" for status, count in counts]
    return notes
