"""Which rows recipes disagree on, and which only one of them selects."""

import polars as pl

from tshirt_assets.report.disputed import disputed_rows, only_rows, taken_rows


def ranking(order: str, selected: int) -> pl.DataFrame:
    """Rows named by letters, in the order of the recipe; a `-` before those it rules out."""
    ranked, _, out = order.partition("-")
    return pl.DataFrame(
        {
            "sample_id": [*ranked, *out],
            "position": [*range(1, len(ranked) + 1), *[None] * len(out)],
            "selected": [i < selected for i in range(len(ranked) + len(out))],
        },
        schema_overrides={"position": pl.Int64},
    )


RANKINGS = {
    "one": ranking("abcdefgh", 2),
    "two": ranking("abefghcd", 2),
    "three": ranking("hgcdefab", 2),
    "four": ranking("hcdefgb-a", 2),
}


def test_taken_rows_have_a_line_for_every_recipe() -> None:
    taken = taken_rows(RANKINGS)
    assert sorted(taken["sample_id"].unique()) == ["a", "b", "c", "g", "h"]
    assert taken.height == 5 * 4
    ruled_out = taken.filter((pl.col("sample_id") == "a") & (pl.col("recipe") == "four"))
    assert ruled_out.select("position", "selected", "depth").row(0) == (None, False, 1.0)
    last = taken.filter((pl.col("sample_id") == "h") & (pl.col("recipe") == "one"))
    assert last.select("position", "depth").row(0) == (8, 1.0)


def test_rows_that_divide_the_recipes_most_evenly_come_first() -> None:
    # b and a divide them two against two; of h, g and c one camp is a single recipe.
    assert disputed_rows(taken_rows(RANKINGS)) == ["b", "a", "h", "g", "c"]


def test_recipes_that_agree_dispute_nothing() -> None:
    same = taken_rows({"one": RANKINGS["one"], "again": RANKINGS["one"]})
    assert disputed_rows(same) == []
    assert only_rows(same) == {}


def test_rows_of_one_recipe_alone_are_those_that_others_rank_lowest() -> None:
    assert only_rows(taken_rows(RANKINGS)) == {"three": (1, ["g"]), "four": (1, ["c"])}
    many = taken_rows({"one": ranking("abcdefghij", 8), "two": ranking("jihgfedcba", 1)})
    assert only_rows(many) == {"one": (8, ["a", "b", "c", "d", "e"]), "two": (1, ["j"])}


def test_one_recipe_has_no_dispute() -> None:
    alone = taken_rows({"one": RANKINGS["one"]})
    assert disputed_rows(alone) == []
    assert only_rows(alone) == {"one": (2, ["a", "b"])}
