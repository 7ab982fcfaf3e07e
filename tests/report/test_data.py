"""Overlap and rank correlation between recipes."""

import math

import numpy as np
import polars as pl
import pytest
from scipy.stats import spearmanr

from tests.report.selection import ranking, report_data, reverse
from tshirt_assets.report.data import compare_recipes, spearman


def frame(ids: str, positions: list[int | None], selected: str | None = None) -> pl.DataFrame:
    table = pl.DataFrame({"sample_id": list(ids), "position": positions})
    if selected is None:
        return table
    return table.with_columns(selected=pl.col("sample_id").is_in(list(selected)))


def test_overlap_is_the_share_of_the_row_recipe() -> None:
    one = frame("abcd", [1, 2, 3, 4], selected="abcd")
    other = frame("abcd", [1, 2, 3, 4], selected="a")
    comparison = compare_recipes({"one": one, "other": other})
    assert comparison.names == ("one", "other")
    assert comparison.sizes == (4, 1)
    assert comparison.overlap.tolist() == [[1.0, 0.25], [1.0, 1.0]]


def test_a_frame_without_the_column_is_all_selected() -> None:
    comparison = compare_recipes({"one": frame("ab", [1, 2]), "other": frame("bc", [1, 2])})
    assert comparison.overlap[0, 1] == 0.5


def test_rank_correlation_is_spearmans() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.permutation(26).tolist(), rng.permutation(26).tolist()
    letters = "abcdefghijklmnopqrstuvwxyz"
    b[3] = None  # a row that only one recipe ranks does not count
    kept = [i for i in range(26) if b[i] is not None]
    expected = spearmanr([a[i] for i in kept], [b[i] for i in kept]).statistic
    assert spearman(frame(letters, a), frame(letters, b)) == pytest.approx(expected)


def test_the_reverse_order_correlates_with_minus_one() -> None:
    comparison = compare_recipes({"one": ranking(), "other": reverse(ranking())})
    assert comparison.rank_correlation[0, 1] == pytest.approx(-1.0)
    assert comparison.rank_correlation[1, 0] == pytest.approx(-1.0)


def test_too_few_shared_rows_give_no_correlation() -> None:
    assert math.isnan(spearman(frame("ab", [1, 2]), frame("ab", [1, 2])))


def test_an_empty_selection_has_no_overlap() -> None:
    comparison = compare_recipes({"one": frame("ab", [1, 2], ""), "other": frame("ab", [1, 2])})
    assert math.isnan(comparison.overlap[0, 1])
    assert comparison.overlap[1, 0] == 0.0


def test_values_are_finite_and_missing_columns_empty() -> None:
    table = ranking().with_columns(
        miwv=pl.when(pl.col("row") == 1).then(float("nan")).otherwise(pl.col("miwv")),
        ifd=pl.when(pl.col("row") == 2).then(None).otherwise(pl.col("ifd")),
    )
    data = report_data(ranking=table)
    assert len(data.values("miwv")) == 199
    assert len(data.values("ifd", selected=True)) == 9
    assert len(data.values("nothing")) == 0
