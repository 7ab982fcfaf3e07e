"""The report page: complete, self-contained, escaped, and still there when data is missing."""

import os
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.report.selection import HEBREW, HOSTILE, IMAGE, LONG, PLAIN, SCRIPT, report_data
from tshirt_assets.corpus.prompts import ALPACA_WITHOUT_INPUT
from tshirt_assets.report.cards import colour_class, row_card
from tshirt_assets.report.html import report_html, write_report
from tshirt_assets.report.svg import histogram_svg

VOID = {"meta", "link", "br"}


class Page(HTMLParser):
    """Elements with their attributes; fails where tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.data = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.data += data

    def ids(self) -> list[str]:
        return [attrs["id"] or "" for _, attrs in self.elements if "id" in attrs]

    def tokens(self) -> list[tuple[str | None, str | None]]:
        return [
            (attrs.get("class"), attrs["title"])
            for tag, attrs in self.elements
            if tag == "span" and "title" in attrs and attrs["title"] != "rank"
        ]


@pytest.fixture(scope="module")
def text() -> str:
    return report_html(report_data())


def test_every_section_is_there_and_linked(text: str) -> None:
    page = Page(text)
    sections = ["scores", "plane", "drift", "recipes", "dropped", "rows", "reproduce"]
    groups = ["best", "borderline", "worst"]
    assert page.ids() == sections[:6] + groups + sections[6:]
    links = [attrs["href"] for tag, attrs in page.elements if tag == "a"]
    assert links == [f"#{name}" for name in sections]


def test_nothing_is_fetched_and_only_the_reports_own_script_may_run(text: str) -> None:
    page = Page(text)
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert not any("src" in attrs for _, attrs in page.elements)
    assert not [tag for tag, _ in page.elements if tag in ("img", "iframe", "object")]
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]
    policy = next(a["content"] for _, a in page.elements if "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert re.search(r"script-src 'sha256-[\w+/=]+';", policy)


def test_row_text_is_escaped_and_never_filled_into_the_template(text: str) -> None:
    assert SCRIPT not in text
    assert IMAGE not in text
    page = Page(text)
    assert SCRIPT in page.data
    assert IMAGE in page.data
    assert "{{style}}" in page.data
    assert "\x00" not in text
    assert "\u202e" not in text
    assert "[U+202E]evil" in page.data
    assert HEBREW in page.data


def test_texts_find_their_own_direction(text: str) -> None:
    blocks = [attrs for tag, attrs in Page(text).elements if attrs.get("class") == "text"]
    assert len(blocks) == 7  # instruction and response of three rows, one input
    assert all(attrs["dir"] == "auto" for attrs in blocks)


def test_tokens_carry_colour_and_value(text: str) -> None:
    tokens = Page(text).tokens()[: len(HOSTILE.tokens)]
    assert tokens == [
        ("u", "no delta"),
        ("p3", "+0.80"),
        ("n5", "−3.50"),
        ("p2 nl", "+0.30"),
        ("p5", "+4.20"),
        ("n3", "−0.90"),
    ]


@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        (None, "u"),
        (0.0, "z"),
        (0.1, "z"),  # tau itself is not informative
        (-0.1, "z"),
        (0.11, "p1"),
        (-0.25, "n2"),
        (3.0, "p5"),
        (float("nan"), "z"),
    ],
)
def test_colours_by_hand(delta: float | None, expected: str) -> None:
    assert colour_class(delta, 0.1) == expected


def test_a_very_long_row_is_collapsed_and_cut_with_a_count(text: str) -> None:
    data = Page(text).data
    assert "Show 4,850 more tokens" in data
    assert "1,000 more tokens are not in this report" in data
    assert "Show 49,300 more characters" in data
    assert "30,000 more characters are not in this report" in data
    assert data.count("word ") == 4_000
    assert len(text) < 600_000
    assert LONG.instruction not in text


def test_a_row_without_tokens_shows_its_response(text: str) -> None:
    assert PLAIN.response in Page(text).data


def test_headline_reasons_and_counterfactuals(text: str) -> None:
    data = " ".join(Page(text).data.split())
    assert "5 % of 200 usable rows" in data
    assert "quota of 'code': 2 of 10 rows could be selected" in data
    assert "There is no response to learn from." in data
    # Rows 11 and 12 come in at 12 rows, 10 more at 20 rows, 30 at 40 rows.
    kept = "Would be kept: 2 at a budget of 6 %, 10 at a budget of 10 %, 30 at a budget of 20 %."
    assert kept in data
    assert "would be kept at budget 6 % (12 rows)" in data
    assert "ratio of perplexities" in data
    assert "0.0132" in data
    assert "models.scorer" in data
    assert "scorer: gpt2" in data


def test_the_plane_counts_only_rows_that_were_perturbed() -> None:
    perturbed = pl.col("row") > 4
    table = report_data().ranking.with_columns(s_ifd_std=pl.when(perturbed).then("s_ifd_std"))
    data = Page(report_html(report_data(ranking=table))).data
    assert "6 rows scored under noise and selected" in data
    assert "190 rows scored under noise, not selected" in data


def test_charts_have_a_text_alternative(text: str) -> None:
    charts = [a for tag, a in Page(text).elements if tag == "svg" and a.get("class") == "chart"]
    assert len(charts) == 6  # four scores, the plane, the response lengths
    assert all(chart["role"] == "img" and chart["aria-label"] for chart in charts)


def test_headings_step_down_one_level_at_a_time(text: str) -> None:
    levels = [int(tag[1]) for tag, _ in Page(text).elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_what_is_missing_leaves_its_section_out() -> None:
    bare = report_data(
        ranking=report_data().ranking.select("sample_id", "selected"),
        excluded={},
        best=(),
        borderline=(),
        worst=(),
        tau=None,
        keep_fraction=None,
        cuts={},
        notes=(),
        comparison=None,
        files=(),
        provenance={},
        config="",
        created="",
    )
    assert Page(report_html(bare)).ids() == ["reproduce"]


@pytest.mark.parametrize("column", ["miwv", "s_ifd_mean", "domain", "kept_at", "ifd"])
def test_a_missing_or_empty_column_is_no_error(column: str) -> None:
    table = report_data().ranking
    Page(report_html(report_data(ranking=table.drop(column))))
    Page(report_html(report_data(ranking=table.with_columns(pl.lit(None).alias(column)))))


def test_an_empty_or_constant_corpus_is_no_error() -> None:
    table = report_data().ranking
    Page(report_html(report_data(ranking=table.clear(), n_rows=0)))
    Page(report_html(report_data(ranking=table.head(1))))
    Page(report_html(report_data(ranking=table.with_columns(pl.lit(0.0).alias("miwv")))))
    Page(report_html(report_data(ranking=table.with_columns(selected=False))))


def test_writing_is_atomic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "report.html"
    write_report(report_data(), path)
    old = path.read_bytes()

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="No space"):
        write_report(report_data(corpus="other"), path)
    assert path.read_bytes() == old
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]


def test_far_outliers_do_not_squeeze_the_rest_into_one_bar() -> None:
    values = np.concatenate([np.linspace(0, 1, 200), [1000.0] * 3])
    chart = histogram_svg(values, np.array([0.5]), "x")
    ticks = [float(tick) for tick in re.findall(r'text-anchor="middle">([\d.]+)<', chart)]
    assert max(ticks) < 3  # four interquartile ranges above the third quartile, 0.75
    [corpus] = re.findall(r'class="area corpus" d="([^"]+)"', chart)
    heights = [float(y) for y in re.findall(r"V([\d.]+)H", corpus)]
    assert heights[-1] < heights[-2] == 186  # the last bar counts the outliers, the one before none


def test_a_row_in_the_alpaca_template_is_titled_by_its_own_part() -> None:
    asked = ALPACA_WITHOUT_INPUT.format(instruction="Name two rivers.")
    title, body = str(row_card(replace(PLAIN, instruction=asked), 0.1)).split("</summary>")
    assert ">Name two rivers.<" in title
    assert "Below is an instruction" in body  # where it is shown in full
    title, body = str(
        row_card(replace(PLAIN, instruction="Dear bot, hi"), 0.1, "Dear bot, ")
    ).split("</summary>")
    assert (">hi<" in title, "Dear bot" in title, "Dear bot" in body) == (True, False, True)
