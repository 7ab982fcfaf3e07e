"""Pictures of training runs: bars and lines where the numbers are."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from tests.examples.test_results import BEST, LARGER, RANDOM
from tests.pictures import SVG, picture, words
from tshirt_assets.examples.results import TrainingResult, comparison_picture, learning_picture


def bars(svg: ET.Element) -> list[dict[str, str]]:
    """The bars of a comparison, from top to bottom."""
    return [rect.attrib for rect in svg.iter(f"{SVG}rect")]


def test_bars_are_as_long_as_the_changes_best_first() -> None:
    # Changes: best -0.5, larger -0.25, chance 0.
    svg = picture(comparison_picture([RANDOM, LARGER, BEST]))
    names = ["best", "larger", "chance"]
    assert [word for word in words(svg) if word in names] == names
    best, larger, chance = (float(bar["width"]) for bar in bars(svg))
    assert best == pytest.approx(2 * larger, abs=0.2)
    assert chance == 0.0
    assert [bar["fill"] for bar in bars(svg)].count(bars(svg)[2]["fill"]) == 1  # random is grey


def test_error_bars_reach_one_standard_error_to_each_side() -> None:
    svg = picture(comparison_picture([BEST]))
    [bar] = bars(svg)
    left, right = float(bar["x"]), float(bar["x"]) + float(bar["width"])  # -0.5 and 0
    error = next(
        line.attrib
        for line in svg.iter(f"{SVG}line")
        if line.attrib["y1"] == line.attrib["y2"] and line.attrib.get("stroke-width") == "1.5"
    )
    half = (1 / 3) ** 0.5 / 2 / 0.5 * (right - left)  # 0.2887 on the scale of the bar
    assert float(error["x1"]) == pytest.approx(left - half, abs=0.2)
    assert float(error["x2"]) == pytest.approx(left + half, abs=0.2)


def test_a_single_held_out_row_has_no_error() -> None:
    one = replace(BEST, held_out=["a"], before=[2.0], after=[1.0])
    assert len(bars(picture(comparison_picture([one])))) == 1


def test_learning_has_both_lines_and_their_names() -> None:
    svg = picture(learning_picture(BEST))
    batch, held_out = (path.attrib["d"] for path in svg.iter(f"{SVG}path"))
    assert batch.count("L") == len(BEST.steps) - 1
    assert held_out.count("L") == 1
    assert {"Training on best", "■ training batch■ held-out rows", "step →"} <= set(words(svg))
    before, after = (
        float(point.split()[1]) for point in held_out[1:].removesuffix("h0").split("L")
    )
    assert before < after  # 3.5 falls to 3.0, and pixels count from the top


@pytest.mark.parametrize(
    "result",
    [
        replace(BEST, steps=[2.0] * 2000),
        replace(BEST, steps=[3.0]),
        replace(BEST, before=[1.0], after=[1.0], held_out=["a"], steps=[1.0]),
    ],
)
def test_pictures_stay_small_whatever_the_run(result: TrainingResult) -> None:
    assert len(learning_picture(result)) < 12_000
    assert len(comparison_picture([replace(result, recipe=f"r{i}") for i in range(10)])) < 12_000


def test_a_single_step_is_a_dot() -> None:
    svg = picture(learning_picture(replace(BEST, steps=[3.0])))
    batch = next(svg.iter(f"{SVG}path"))
    assert batch.attrib["d"].endswith("h0")
    assert batch.attrib["stroke-linecap"] == "round"
