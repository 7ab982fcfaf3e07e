"""Comparing trained models: worked by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tshirt_assets.examples import results
from tshirt_assets.examples.results import TrainingResult

BEST = TrainingResult(
    recipe="best",
    method="tshirt",
    model="m",
    rows=3,
    tokens=1234,
    held_out=["a", "b", "c", "d"],
    before=[2.0, 3.0, 4.0, 5.0],
    after=[1.0, 2.0, 4.0, 5.0],
    steps=[3.0, 2.5],
)
RANDOM = replace(BEST, recipe="chance", method="random", after=[2.0, 2.0, 4.0, 6.0])
LARGER = replace(BEST, recipe="larger", method="ifd", rows=5, after=[2.0, 3.0, 4.0, 4.0])


def test_a_result_survives_its_file(tmp_path: Path) -> None:
    BEST.save(tmp_path)
    assert TrainingResult.load(tmp_path) == BEST


def test_change_and_its_standard_error() -> None:
    # changes -1, -1, 0, 0: mean -0.5, variance (4 * 0.25) / 3, error sqrt(1/3) / 2
    mean, error = results.mean_and_error(BEST.changes)
    assert mean == -0.5
    assert error == pytest.approx((1 / 3) ** 0.5 / 2)
    assert np.isnan(results.mean_and_error(np.array([1.0]))[1])


def test_a_recipe_is_compared_with_random_of_the_same_size_row_by_row() -> None:
    # differences to random: -1, 0, 0, -1
    compared = results.against_random([BEST, RANDOM, LARGER])
    assert set(compared) == {"best"}
    assert compared["best"] == (-0.5, pytest.approx((1 / 3) ** 0.5 / 2))


def test_only_results_on_the_same_rows_and_model_are_comparable() -> None:
    elsewhere = replace(LARGER, held_out=["a", "b", "c", "e"])
    other_model = replace(LARGER, model="n")
    assert results.comparable([elsewhere, BEST, other_model, RANDOM]) == [BEST, RANDOM]
    assert results.comparable([]) == []


def test_the_table_has_the_best_recipe_first() -> None:
    lines = results.comparison_table([RANDOM, LARGER, BEST]).splitlines()[2:]
    assert [line.split(" | ")[0].strip("| ") for line in lines] == ["best", "larger", "chance"]
    expected = "| best | 3 | 1,234 | 3.5000 | 3.0000 | -0.5000 ± 0.2887 | -0.5000 ± 0.2887 |"
    assert lines[0] == expected
    assert lines[1].endswith("| -0.2500 ± 0.2500 |  |")
