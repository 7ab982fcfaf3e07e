"""The small version of the report, for metadata."""

import polars as pl

from tests.report.selection import report_data
from tshirt_assets.report.inline import INLINE_CHARACTERS
from tshirt_assets.report.summary import medians, picture, summary_markdown


def test_it_says_what_was_selected_and_what_stands_out() -> None:
    text = summary_markdown(report_data())
    assert "**10 rows selected**, 5 % of 200 usable ones (205 in the corpus)." in text
    assert "- No other recipe selects any of these rows." in text


def test_it_is_short_enough_to_be_shown_in_place() -> None:
    domains = pl.concat_str(pl.lit("x" * 300), pl.col("sample_id").str.tail(1))
    text = summary_markdown(report_data(ranking=report_data().ranking.with_columns(domain=domains)))
    assert len(text) < INLINE_CHARACTERS


def test_the_picture_shows_what_decides() -> None:
    plane = picture(report_data())
    assert "![S-IFD mean versus std](data:image/svg+xml;base64," in plane
    assert len(plane) < 40_000
    histogram = picture(report_data(method="miwv", cuts={"score": 0.3}))
    assert "![MIWV](data:image/svg+xml;base64," in histogram


def test_medians_stand_side_by_side() -> None:
    found = medians(report_data())
    assert "IFD" in found
    assert all(len(pair) == 2 for pair in found.values())


def test_an_empty_selection_still_has_a_summary() -> None:
    empty = report_data().ranking.clear()
    data = report_data(ranking=empty, excluded={}, cuts={}, notes=[])
    assert "**0 rows selected**" in summary_markdown(data)
    assert (medians(data), picture(data)) == ({}, "")
