"""Histograms in the metadata: right bars, right numbers, short enough to be shown in place."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from tests.pictures import SVG, picture, words
from tshirt_assets.report.inline import (
    BASE,
    BINS,
    INLINE_CHARACTERS,
    TOP,
    agreement_markdown,
    histogram_markdown,
)

RNG = np.random.default_rng(0)
HEIGHT = BASE - TOP


def heights(svg: ET.Element) -> list[int]:
    path = svg.find(f"{SVG}path")
    assert path is not None
    return [BASE - int(top) for top in re.findall(r"V(\d+)h", path.attrib["d"])]


def test_bars_are_counts_and_both_axes_have_numbers() -> None:
    values = np.repeat([0.0, 1.5, 3.0], [200, 600, 400])
    svg = picture(histogram_markdown(values, "IFD"))
    found = heights(svg)
    assert len(found) == BINS[0] == 30
    assert {k: height for k, height in enumerate(found) if height} == {
        0: round(HEIGHT * 200 / 600),
        15: HEIGHT,
        29: round(HEIGHT * 400 / 600),
    }
    assert words(svg) == ["600", "0", "3", "IFD, median 1.50"]


def test_pairs_are_thinned_until_they_can_be_shown_in_place() -> None:
    found = RNG.lognormal(-4, 0.4, 32)
    text = agreement_markdown(found, found * RNG.lognormal(0, 0.2, 32), ("analytic", "sampled"))
    assert len(text) < INLINE_CHARACTERS
    assert {"analytic", "sampled"} < set(words(picture(text)))
    many = agreement_markdown(*RNG.lognormal(size=(2, 500)), ("analytic std", "sampled std"))
    assert len(many) < INLINE_CHARACTERS
    assert agreement_markdown(-found, found, ("a", "b")) == "no values"


def test_outliers_count_in_the_outermost_bars() -> None:
    values = np.concatenate([np.linspace(0, 1, 10_000), [-1e6, 1e6]])
    svg = picture(histogram_markdown(values, "MIWV"))
    assert min(heights(svg)) > HEIGHT / 3
    assert words(svg)[-1] == "MIWV, median 0.500"


@pytest.mark.parametrize(
    "values",
    [
        RNG.normal(0.97, 0.05, 5000),
        RNG.exponential(1e-3, 500_000),
        RNG.uniform(-99_999, -1, 1000),
        RNG.uniform(-1e-7, 1e-7, 1000),
        np.array([0.5]),
        np.full(7, -123456.789),
    ],
)
def test_the_ui_shows_it_in_place(values: np.ndarray) -> None:
    text = histogram_markdown(values, "a title [of forty letters], not shorter")
    assert text.startswith(r"![a title \[of forty letters\], not shorter](data:")
    assert len(text) < INLINE_CHARACTERS
    assert max(heights(picture(text))) == HEIGHT


def test_no_values_are_said() -> None:
    assert histogram_markdown(np.array([]), "IFD") == "no values"
