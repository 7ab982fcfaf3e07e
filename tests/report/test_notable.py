"""Which rows are shown, and what would have kept them."""

import polars as pl

from tests.report.selection import SELECTED, ranking
from tshirt_assets.report.notable import counterfactual, notable_rows, report_row


def rows(groups: dict[str, pl.DataFrame], name: str) -> list[int]:
    return groups[name]["row"].to_list()


def test_groups_of_a_ranking() -> None:
    groups = notable_rows(ranking(), 6)
    assert rows(groups, "best") == [1, 2, 3, 4, 5, 6]
    assert rows(groups, "borderline") == [8, 9, 10, 11, 12, 13]
    assert rows(groups, "worst") == [200, 199, 198, 197, 196, 195]


def test_no_row_is_shown_twice() -> None:
    groups = notable_rows(ranking(), 20)
    shown = [row for name in groups for row in rows(groups, name)]
    assert rows(groups, "best") == list(range(1, SELECTED + 1))
    assert len(shown) == len(set(shown))


def test_where_most_rows_have_no_score_the_worst_have_the_lowest_ifd() -> None:
    contenders = pl.col("row") <= 20
    table = ranking().with_columns(
        score=pl.when(contenders).then("score"), position=pl.when(contenders).then("position")
    )
    worst = notable_rows(table, 3)["worst"]
    lowest = table.filter(~pl.col("selected")).sort("ifd").head(3)
    assert worst["sample_id"].to_list() == lowest["sample_id"].to_list()


def test_an_empty_ranking_has_no_rows() -> None:
    assert all(group.is_empty() for group in notable_rows(ranking().clear()).values())


def test_counterfactual_names_share_and_rows() -> None:
    assert counterfactual(63, 1050) == "would be kept at budget 6 % (63 rows)"
    assert counterfactual(None, 1050) is None


def test_a_row_left_out_says_why_and_what_would_keep_it() -> None:
    line = ranking().row(11, named=True)
    sample = {"instruction": "Do", "input": None, "response": "done"}
    row = report_row(line, sample, [("done", 0.5)], usable=200)
    assert (row.selected, row.rank, row.reason) == (False, 12, "over budget")
    assert row.counterfactual == "would be kept at budget 6 % (12 rows)"
    assert row.scores["IFD"] == line["ifd"]
    assert row.input == ""


def test_a_selected_row_gives_the_recipes_reason() -> None:
    line = ranking().row(0, named=True)
    sample = {"instruction": "Do", "input": "", "response": "done"}
    row = report_row(line, sample, [], usable=200, reason="MIWV 0.4 (rank 1)")
    assert row.reason == "MIWV 0.4 (rank 1)"
    assert row.counterfactual is None
