"""Pictures for metadata: whole SVGs of their own, small, with what the charts show."""

import base64
import re
from xml.etree import ElementTree

import numpy as np

from tests.report.selection import report_data
from tshirt_assets.report.pictures import picture_markdown
from tshirt_assets.report.summary import MAX_POINTS, summary_markdown
from tshirt_assets.report.svg import Axis, histogram_svg, plane_svg

RNG = np.random.default_rng(0)
MANY = RNG.normal(0.9, 0.1, 60_000)
SVG = "{http://www.w3.org/2000/svg}"


def decoded(markdown: str) -> ElementTree.Element:
    """The picture in a Markdown image."""
    found = re.search(r"!\[[^\]]*\]\(data:image/svg\+xml;base64,([^)]+)\)", markdown)
    assert found is not None
    return ElementTree.fromstring(base64.b64decode(found[1]))


def test_a_picture_brings_its_own_colours_and_keys() -> None:
    keys = {"corpus": "corpus", "subset": "subset"}
    text = picture_markdown(histogram_svg(MANY, MANY[:3000], "IFD"), "IFD [x]", keys)
    assert text.startswith("![IFD (x)](data:image/svg+xml;base64,")
    svg = decoded(text)
    style = svg.find(f"{SVG}style")
    assert style is not None
    for path in svg.iter(f"{SVG}path"):
        assert "." + path.attrib["class"].replace(" ", ".") in str(style.text)
    assert [word.text for word in svg.iter(f"{SVG}tspan")] == ["corpus ", "subset "]
    assert len(text) < 12_000


def test_the_plane_thins_its_points_and_keeps_its_cuts() -> None:
    chart = plane_svg(
        MANY, MANY**2, MANY > 1.1, "plane", mean_cut=1.1, std_cut=0.5, max_points=MAX_POINTS
    )
    text = picture_markdown(chart, "plane")
    svg = decoded(text)
    dots = [path.attrib["d"].count("h0") for path in svg.iter(f"{SVG}path")]
    assert all(0 < count <= MAX_POINTS for count in dots)
    cuts = [line for line in svg.iter(f"{SVG}line") if line.attrib["class"] == "cut"]
    assert len(cuts) == 2
    assert len(text) < 20_000


def test_an_axis_maps_the_cut_to_its_place() -> None:
    assert Axis(0.0, 2.0, 40, 380).at(0.5) == 125.0  # a quarter of the way


def test_a_name_cannot_become_markup() -> None:
    text = picture_markdown(histogram_svg(MANY, MANY, "a<b"), "t", {"corpus": "<script>"})
    assert [word.text for word in decoded(text).iter(f"{SVG}tspan")] == ["<script> "]


def test_the_summary_holds_one_picture() -> None:
    text = summary_markdown(report_data())
    assert text.count("data:image/svg+xml") == 1
    assert decoded(text).attrib["width"] == "560"
