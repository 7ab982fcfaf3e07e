"""The section on rows that were not selected: why, and what budget would have kept them."""

from typing import Final

import polars as pl

from tshirt_assets.corpus import status
from tshirt_assets.report.data import ReportData
from tshirt_assets.report.markup import Html, el
from tshirt_assets.report.numbers import number, percent
from tshirt_assets.report.parts import NOTHING, Section, bar, section
from tshirt_assets.selection import exclusions

EXPLANATIONS: Final = {
    "selected": "The subset of this report.",
    **{reason.value: text for reason, text in exclusions.EXPLANATIONS.items()},
    **{reason.value: text for reason, text in status.EXPLANATIONS.items()},
}


def dropped(data: ReportData) -> Html:
    """What was not selected, why, and what would have kept it."""
    if not data.excluded:
        return NOTHING
    counts = {"selected": data.n_selected, **data.excluded}
    most = max(counts.values())
    lines = [
        el(
            "tr",
            el("th", reason, bar(rows / most, name), scope="row"),
            el("td", number(rows), class_="num"),
            el("td", percent(rows, data.n_rows), class_="num"),
            el("td", EXPLANATIONS.get(reason, ""), _would_be_kept(data, reason)),
        )
        for reason, rows in sorted(counts.items(), key=lambda item: -item[1])
        for name in ("subset" if reason == "selected" else "corpus",)
    ]
    head = [el("th", name, scope="col") for name in ("What became of it", "Rows", "Share", "Why")]
    table = el("table", el("thead", el("tr", *head)), el("tbody", *lines), class_="reasons")
    lead = f"All {number(data.n_rows)} rows of the corpus, each counted once."
    return section(
        "dropped", "What was dropped, and why", lead, [el("figure", table, class_="wide")]
    )


def _would_be_kept(data: ReportData, reason: str) -> Html:
    """How many rows dropped for a reason larger budgets would keep."""
    if not {"excluded", "kept_at"} <= set(data.ranking.columns):
        return NOTHING
    kept_at = data.ranking.filter(pl.col("excluded") == reason)["kept_at"].cast(pl.Int64)
    parts: list[str] = []
    before = 0
    for factor in (1.2, 2.0, 4.0):
        budget = round(data.n_selected * factor)
        rows = int((kept_at <= budget).sum())
        if rows > before and budget <= data.usable:
            parts.append(f"{number(rows)} at a budget of {percent(budget, data.usable)}")
            before = rows
    if not parts:
        return NOTHING
    return el("span", f"Would be kept: {', '.join(parts)}.", class_="kept")


SECTION: Final = Section("dropped", "Dropped", dropped)
