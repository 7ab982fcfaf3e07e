"""Agreement between recipes against scipy and by hand."""

import polars as pl
import pytest
from scipy.stats import spearmanr

from tests.selection.frames import score_tables
from tshirt_assets.config import Recipe
from tshirt_assets.selection.agreement import agreement, overlap, spearman
from tshirt_assets.selection.recipes import select


def test_overlap_by_hand():
    assert overlap(pl.Series(["a", "b", "c"]), pl.Series(["c", "d"])) == 0.5
    assert overlap(pl.Series(["a"]), pl.Series(["a"])) == 1.0
    assert overlap(pl.Series(["a"]), pl.Series([], dtype=pl.String)) != 0  # nan


def test_spearman_equals_scipy_over_rows_ranked_by_both():
    a = pl.DataFrame({"sample_id": list("abcdef"), "position": [1, 2, 3, 4, 5, None]})
    b = pl.DataFrame({"sample_id": list("fedcba"), "position": [1, 5, 2, None, 4, 3]})
    # Both rank a b d e: places 1 2 4 5 and 3 4 2 5.
    assert spearman(a, b) == (pytest.approx(spearmanr([1, 2, 4, 5], [3, 4, 2, 5])[0]), 4)
    assert spearman(a, b.head(1)) == (None, 0)


def test_agreement_of_every_pair():
    tables = score_tables(150)
    recipes = {
        "i": Recipe(method="ifd", budget=20),
        "same": Recipe(method="ifd", budget=10),
        "t": Recipe(method="tshirt", budget=30),
    }
    selections = {name: select(recipe, name, tables, seed=0) for name, recipe in recipes.items()}
    table = agreement(selections)
    assert table.select("recipe_a", "recipe_b").rows() == [("i", "same"), ("i", "t"), ("same", "t")]
    first = table.row(0, named=True)
    assert (first["common"], first["share"]) == (10, 1.0)
    assert first["spearman"] == pytest.approx(1.0)
    assert first["by_chance"] == pytest.approx(20 / selections["i"].usable)
    ids = [set(selections[name].frame["sample_id"]) for name in ("i", "t")]
    assert table.row(1, named=True)["common"] == len(ids[0] & ids[1])


def test_an_empty_selection_has_no_share():
    tables = score_tables(20)
    nothing = select(
        Recipe(method="ifd", budget=5), "none", type(tables)(tables.rows.clear()), seed=0
    )
    something = select(Recipe(method="ifd", budget=5), "some", tables, seed=0)
    row = agreement({"none": nothing, "some": something}).row(0, named=True)
    assert (row["common"], row["share"], row["spearman"]) == (0, None, None)
