"""The small version of the report, for metadata."""

from tests.report.selection import report_data
from tshirt_assets.report.summary import summary_markdown


def test_it_says_what_was_selected_and_why_the_rest_was_not() -> None:
    text = summary_markdown(report_data())
    assert "**10 rows selected**, 5 % of 200 usable ones (205 in the corpus)." in text
    assert "| over budget | 190 |" in text
    assert "- quota of 'code'" in text
    assert "- No other recipe selects any of these rows." in text
    assert "![S-IFD mean versus std](data:image/svg+xml;base64," in text
    assert len(text) < 40_000


def test_other_recipes_show_the_distribution_of_their_score() -> None:
    text = summary_markdown(report_data(method="miwv", cuts={"score": 0.3}))
    assert "![MIWV](data:image/svg+xml;base64," in text


def test_reasons_and_notes_cannot_break_the_table() -> None:
    text = summary_markdown(report_data(excluded={"a | b\nc": 3}, notes=["x\n# y"]))
    assert "| a \\| b c | 3 |" in text
    assert r"- x \# y" in text


def test_an_empty_selection_still_has_a_summary() -> None:
    empty = report_data().ranking.clear()
    text = summary_markdown(report_data(ranking=empty, excluded={}, cuts={}, notes=[]))
    assert "**0 rows selected**" in text
