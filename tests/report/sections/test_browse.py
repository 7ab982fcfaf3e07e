"""The section that lists rows for search: what it hands the page's script."""

import json
import re
from typing import Any

import polars as pl

from tests.report.selection import SCRIPT, listed, report_data
from tshirt_assets.report.data import ReportData
from tshirt_assets.report.sections.browse import browse

BLOCK = re.compile(r'<script type="application/json" id="listed">(.*?)</script>', re.DOTALL)


def handed(data: ReportData) -> dict[str, Any]:
    found = BLOCK.search(browse(data))
    assert found is not None
    return dict(json.loads(found[1]))


def test_without_rows_there_is_no_section() -> None:
    assert browse(report_data()) == ""
    assert browse(report_data(listed=listed().clear())) == ""


def test_rows_come_by_column() -> None:
    value = handed(report_data(listed=listed()))
    keys = [column["key"] for column in value["columns"]]
    assert keys[:7] == [
        *("position", "mean_place", "outcome", "instruction", "response"),
        *("s_ifd_mean", "s_ifd_std"),
    ]
    assert keys[-4:] == ["domain", "script", "shard", "row"]
    assert len(value["rows"]) == listed().height
    first = dict(zip(keys, value["rows"][0], strict=True))
    assert (first["position"], first["outcome"], first["s_ifd_mean"]) == (1, "selected", 0.999)


def test_a_recipe_without_stages_shows_its_own_score_first() -> None:
    value = handed(report_data(listed=listed(), method="miwv"))
    keys = [column["key"] for column in value["columns"]]
    assert "mean_place" not in keys
    assert keys[4] == "miwv"


def test_row_text_cannot_end_the_block_and_is_told_to_be_cut() -> None:
    hostile = listed().with_columns(instruction=pl.lit(f"</script>{SCRIPT}\u202e"))
    page = browse(report_data(listed=hostile.with_columns(instruction_length=1234)))
    assert page.count("</script>") == 1
    text = json.loads(BLOCK.findall(page)[0])["rows"][0][3]
    assert text.startswith(f"</script>{SCRIPT}")
    assert "\u202e" not in text
    assert text.endswith("… (1,234 characters)")


def test_values_that_are_no_numbers_are_unknown() -> None:
    odd = listed().with_columns(s_ifd_std=pl.lit(float("nan")), s_ifd_mean=pl.lit(1.0).truediv(3))
    row = handed(report_data(listed=odd))["rows"][0]
    assert row[5:7] == [0.3333, None]


def test_only_what_differs_can_be_filtered_by() -> None:
    page = browse(report_data(listed=listed().with_columns(script=pl.lit("Latin"))))
    assert re.findall(r'data-key="(\w+)"', page) == ["outcome", "domain"]
    assert "script" not in [
        c["key"]
        for c in handed(report_data(listed=listed().with_columns(script=pl.lit("Latin"))))[
            "columns"
        ]
    ]


def test_the_lead_says_what_is_listed() -> None:
    listing = listed()
    assert "All 10 selected rows, and 50 of those not selected" in browse(
        report_data(listed=listing)
    )
    some = listing.filter((pl.col("outcome") != "selected") | (pl.col("position") <= 4))
    assert "The first 4 of 10 selected rows" in browse(report_data(listed=some))
