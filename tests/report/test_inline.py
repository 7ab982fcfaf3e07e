"""Histograms in the metadata: right bars, right numbers, short enough to be shown in place."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from tests.pictures import SVG, picture, words
from tshirt_assets.report.inline import BASE, INLINE_CHARACTERS, N_BINS, histogram_markdown

RNG = np.random.default_rng(0)


def heights(svg: ET.Element) -> list[int]:
    path = svg.find(f"{SVG}path")
    assert path is not None
    return [BASE - int(top) for top in re.findall(r"V(\d+)h", path.attrib["d"])]


def test_bars_are_counts_and_labels_are_quantiles() -> None:
    values = np.repeat([0.0, 1.5, 3.0], [200, 600, 400])
    svg = picture(histogram_markdown(values, "IFD"))
    found = heights(svg)
    assert len(found) == N_BINS == 40
    assert {k: height for k, height in enumerate(found) if height} == {
        0: round(BASE * 200 / 600),
        20: BASE,
        39: round(BASE * 400 / 600),
    }
    assert words(svg) == ["0", "median 1.50", "3"]


def test_outliers_count_in_the_outermost_bars() -> None:
    values = np.concatenate([np.linspace(0, 1, 10_000), [-1e6, 1e6]])
    svg = picture(histogram_markdown(values, "MIWV"))
    assert min(heights(svg)) > BASE / 3
    assert words(svg)[1] == "median 0.500"


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
    assert max(heights(picture(text))) == BASE


def test_no_values_are_said() -> None:
    assert histogram_markdown(np.array([]), "IFD") == "no values"
