"""Overlap and rank correlation of recipes against scipy and by hand."""

import math

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from tests.selection.frames import score_tables
from tshirt_assets.config import Recipe
from tshirt_assets.selection.agreement import compare_recipes, overlap, rank_correlation
from tshirt_assets.selection.recipes import select


def frame(ids: str, positions: list[int | None], selected: str = "") -> pl.DataFrame:
    table = pl.DataFrame({"sample_id": list(ids), "position": positions})
    return table.with_columns(selected=pl.col("sample_id").is_in(list(selected)))


def test_overlap_is_a_share_of_the_smaller_selection():
    assert overlap(set("abc"), set("cd")) == overlap(set("cd"), set("abc")) == 0.5
    assert overlap(set("a"), set("a")) == 1.0
    assert math.isnan(overlap(set("a"), set()))


def test_rank_correlation_is_spearmans_over_the_rows_that_both_rank():
    a = frame("abcdef", [1, 2, 3, 4, 5, None])
    b = frame("fedcba", [1, 5, 2, None, 4, 3])
    # Both rank a b d e: places 1 2 4 5 and 3 4 2 5.
    expected = spearmanr([1, 2, 4, 5], [3, 4, 2, 5]).statistic
    assert rank_correlation(a, b) == rank_correlation(b, a) == pytest.approx(expected)


def test_rank_correlation_of_many_rows():
    rng = np.random.default_rng(1)
    a, b = rng.permutation(26).tolist(), rng.permutation(26).tolist()
    letters = "abcdefghijklmnopqrstuvwxyz"
    expected = spearmanr(a, b).statistic
    assert rank_correlation(frame(letters, a), frame(letters, b)) == pytest.approx(expected)
    upside_down = frame(letters, [27 - place for place in a])
    assert rank_correlation(frame(letters, a), upside_down) == pytest.approx(-1.0)


def test_two_rows_do_not_correlate():
    assert math.isnan(rank_correlation(frame("ab", [1, 2]), frame("ab", [1, 2])))
    assert math.isnan(rank_correlation(frame("abc", [1, 2, None]), frame("abc", [1, 2, 3])))


def test_recipes_compared_by_hand():
    compared = compare_recipes(
        {
            "one": frame("abcd", [1, 2, 3, 4], selected="abcd"),
            "other": frame("abcd", [4, 3, 2, 1], selected="a"),
            "none": frame("abcd", [None] * 4),
        }
    )
    nan = math.nan
    assert compared.names == ("one", "other", "none")
    assert compared.sizes == (4, 1, 0)
    assert compared.common.tolist() == [[4, 1, 0], [1, 1, 0], [0, 0, 0]]
    np.testing.assert_array_equal(compared.overlap, [[1, 1, nan], [1, 1, nan], [nan] * 3])
    np.testing.assert_allclose(compared.rank_correlation, [[1, -1, nan], [-1, 1, nan], [nan] * 3])


def test_a_smaller_budget_of_the_same_method_agrees_completely():
    tables = score_tables(150)
    rankings = {
        str(budget): select(Recipe(method="ifd", budget=budget), "r", tables, seed=0).ranking
        for budget in (10, 20)
    }
    compared = compare_recipes(rankings)
    assert compared.common[0, 1] == 10
    assert compared.overlap[0, 1] == 1.0
    assert compared.rank_correlation[0, 1] == pytest.approx(1.0)
