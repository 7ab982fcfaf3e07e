"""Charts that stand alone: complete without a style sheet, and small enough for metadata."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import polars as pl

from tests.pictures import SVG, picture, words
from tests.report.selection import report_data
from tshirt_assets.report.pictures import MAX_POINTS, picture_markdown
from tshirt_assets.report.sections.plane import plane_chart
from tshirt_assets.report.svg import histogram_svg, plane_svg

RNG = np.random.default_rng(0)
MANY = RNG.normal(0.9, 0.1, 60_000)


def paints(svg: ET.Element) -> None:
    """Every shape says its colours itself."""
    shapes = [e for tag in ("path", "line", "rect") for e in svg.iter(f"{SVG}{tag}")]
    assert shapes
    assert all("fill" in shape.attrib or "stroke" in shape.attrib for shape in shapes)
    assert not [element for element in svg.iter() if "class" in element.attrib]


def dots(svg: ET.Element) -> list[int]:
    paths = [path.attrib["d"] for path in svg.iter(f"{SVG}path")]
    return [path.count("h0") for path in paths]


def test_a_histogram_has_its_title_its_axes_and_the_names_of_its_colours() -> None:
    chart = histogram_svg(MANY, MANY[:3000], "IFD", threshold=1.0, threshold_label="helps | hurts")
    markdown = picture_markdown(chart, "IFD [x]", {"corpus": "corpus", "subset": "subset"})
    svg = picture(markdown)
    paints(svg)
    shown = words(svg)
    assert markdown.startswith(r"![IFD \[x\]](data:")
    assert shown[:2] == ["IFD [x]", "■ corpus■ subset"]
    assert "helps | hurts" in shown
    assert {"0 %", "0.8", "1.0"} <= set(shown)
    assert len(markdown) < 12_000


def test_the_plane_of_a_large_corpus_is_thinned_and_keeps_its_cuts() -> None:
    corner = {"mean_cut": 1.1, "std_cut": 0.5}
    chart = plane_svg(MANY, MANY**2, MANY > 1.1, "plane", max_points=MAX_POINTS, **corner)
    markdown = picture_markdown(chart, "plane")
    svg = picture(markdown)
    paints(svg)
    assert all(MAX_POINTS / 2 < count <= MAX_POINTS for count in dots(svg))
    dashed = [line for line in svg.iter(f"{SVG}line") if "stroke-dasharray" in line.attrib]
    assert len(dashed) == 2
    assert {"S-IFD mean →", "↑ S-IFD std"} <= set(words(svg))
    assert len(markdown) < 12_000


def test_few_selected_rows_are_all_drawn_in_their_colour() -> None:
    svg = picture(picture_markdown(plane_chart(report_data(), MAX_POINTS), "plane"))
    assert dots(svg) == [190, 10]
    grey, violet = (path.attrib["stroke"] for path in svg.iter(f"{SVG}path"))
    assert grey != violet


def test_without_rows_scored_under_noise_there_is_no_plane() -> None:
    table = report_data().ranking
    assert plane_chart(report_data(ranking=table.with_columns(s_ifd_std=pl.lit(None)))) == ""
    assert plane_chart(report_data(ranking=table.drop("s_ifd_std"))) == ""


def test_text_in_a_chart_is_not_taken_for_its_looks() -> None:
    chart = histogram_svg(MANY, MANY[:10], 'class="grid"', threshold=1, threshold_label='class="x"')
    title = '<b> class="area corpus" & more'
    svg = picture(picture_markdown(chart, title))
    assert words(svg)[0] == title
    assert 'class="x"' in words(svg)


def test_the_chart_begins_below_the_title() -> None:
    svg = picture(picture_markdown(histogram_svg(MANY, MANY, "x"), "x"))
    inner = svg.find(f"{SVG}svg")
    assert inner is not None
    assert int(inner.attrib["y"]) > 14
    room = [int(number) for number in re.findall(r"\d+", svg.attrib["viewBox"])]
    assert int(inner.attrib["y"]) + int(inner.attrib["height"]) == room[3]
