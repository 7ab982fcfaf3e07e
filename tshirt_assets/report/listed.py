"""The rows that a report lists for search, filter and sort: bounded, and the same every time.

A sample id is a hash of the row's content, so the smallest ids are a fair draw of the rows.
"""

from collections.abc import Sequence
from typing import Final

import polars as pl

from tshirt_assets.corpus.scripts import script_of
from tshirt_assets.incremental.boilerplate import own_part
from tshirt_assets.incremental.corpus_scores import CorpusScores
from tshirt_assets.selection.recipes import Selection
from tshirt_assets.selection.scores import SCORES

MAX_SELECTED: Final = 2_000
PER_REASON: Final = 100
MIX_ROWS: Final = 2_000
CHARACTERS: Final = 400
"""Of an instruction or a response."""
PLACE: Final = ("sample_id", "shard", "row", "domain")


def listed_rows(
    selection: Selection, scores: CorpusScores, shared_beginning: str = ""
) -> pl.DataFrame:
    """The first selected rows, and of each reason not to select some: one line each.

    Columns: sample_id, shard, row, domain, outcome ("selected" or the reason), position,
    mean_place (place by `s_ifd_mean` among the rows that the recipe ranks), the columns of
    `SCORES`, instruction (without what most begin with), response (both cut, with their lengths as
    *_length) and script.
    """
    mean = pl.when(pl.col("position").is_not_null()).then(pl.col("s_ifd_mean"))
    ranked = selection.ranking.with_columns(
        outcome=pl.when("selected").then(pl.lit("selected")).otherwise("excluded"),
        mean_place=mean.rank("min", descending=True).cast(pl.Int64),
    )
    chosen = ranked.filter("selected").sort("position").head(MAX_SELECTED)
    left_out = _some_of_each(ranked.filter(~pl.col("selected")))
    unusable = scores.rows().filter(pl.col("status") != "ok")
    rejected = _some_of_each(unusable.with_columns(outcome="status"))
    columns = [*PLACE, "outcome", "position", "mean_place", *SCORES]
    frames = [
        frame.select(name for name in columns if name in frame.columns)
        for frame in (chosen, left_out, rejected)
    ]
    return with_texts(pl.concat(frames, how="diagonal_relaxed"), scores, shared_beginning)


def script_mix(selection: Selection, scores: CorpusScores) -> dict[str, tuple[float, float]]:
    """By script its shares of the usable rows and of the selected ones, most frequent first.

    Of many rows a draw of `MIX_ROWS` is looked at.
    """
    ranking = selection.ranking.sort("sample_id")
    corpus, subset = script_shares([ranking, ranking.filter("selected")], scores)
    names = sorted(corpus | subset, key=lambda name: (-corpus.get(name, 0.0), name))
    return {name: (corpus.get(name, 0.0), subset.get(name, 0.0)) for name in names}


def script_shares(subsets: Sequence[pl.DataFrame], scores: CorpusScores) -> list[dict[str, float]]:
    """By script its share of each of these, which are sorted by sample_id.

    Of many rows a draw of `MIX_ROWS` is looked at. The texts of all are read at once.
    """
    drawn = [rows.select(PLACE).head(MIX_ROWS) for rows in subsets]
    told = with_texts(pl.concat(drawn).unique(["shard", "row"]), scores)
    shares = []
    for rows in drawn:
        found = rows.join(told.select("shard", "row", "script"), on=["shard", "row"])
        shares.append(dict(found["script"].value_counts(normalize=True).iter_rows()))
    return shares


def _some_of_each(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.sort("outcome", "sample_id", "shard", "row").filter(
        pl.int_range(pl.len()).over("outcome") < PER_REASON
    )


def with_texts(
    rows: pl.DataFrame, scores: CorpusScores, shared_beginning: str = ""
) -> pl.DataFrame:
    """The rows with the own part of their instruction, response, the lengths of both and script.

    Rows without text stay.
    """
    texts = scores.texts(rows).select("shard", "row", "instruction", "response")
    joined = rows.join(
        texts.unique(["shard", "row"]), on=["shard", "row"], how="left", maintain_order="left"
    ).with_columns(pl.col("instruction", "response").fill_null(""))
    begun = joined.select(
        pl.col("instruction").str.head(800) + " " + pl.col("response").str.head(800)
    ).to_series()
    own = [own_part(text, shared_beginning) for text in joined["instruction"]]
    return joined.with_columns(instruction=pl.Series(own, dtype=pl.String)).with_columns(
        pl.col("instruction").str.len_chars().alias("instruction_length"),
        pl.col("response").str.len_chars().alias("response_length"),
        pl.col("instruction", "response").str.head(CHARACTERS),
        script=pl.Series([script_of(text) for text in begun], dtype=pl.String),
    )
