"""Robust mean against robust std."""

from typing import Final

import polars as pl

from tshirt_assets.report.data import ReportData
from tshirt_assets.report.markup import Html, el
from tshirt_assets.report.numbers import number
from tshirt_assets.report.parts import NOTHING, Section, key, section
from tshirt_assets.report.svg import MAX_POINTS, plane_svg


def plane(data: ReportData) -> Html:
    """Robust mean against robust std, with the selection's corner."""
    chart = plane_chart(data)
    if not chart:
        return NOTHING
    mean_cut, std_cut = _cuts(data)
    if mean_cut is None or std_cut is None:
        caption = "This recipe does not select by this plane; its rows are shown for comparison."
    else:
        caption = (
            f"T-SHIRT first keeps the rows with the highest mean, here {number(mean_cut)} and "
            f"above, and of those the ones with the lowest std, up to {number(std_cut)}: the "
            "shaded corner."
        )
    scored = _scored(data)
    chosen = int(scored["selected"].sum())
    counts = (
        ("corpus", scored.height - chosen, "scored under noise, not selected"),
        ("subset", chosen, "scored under noise and selected"),
    )
    keys = [el("li", key(name), f"{number(rows)} rows {what}") for name, rows, what in counts]
    text = el("figcaption", el("p", caption), el("ul", *keys, class_="keys"))
    figure = el("figure", chart, text, class_="wide beside")
    lead = "The robust mean says how good a row is, the robust std how far to trust that."
    return section("plane", "Mean versus std", lead, [figure])


def plane_chart(data: ReportData, max_points: int = MAX_POINTS) -> Html:
    """The chart alone, with at most `max_points` dots of each colour; nothing without rows."""
    scored = _scored(data)
    if scored.is_empty():
        return NOTHING
    mean_cut, std_cut = _cuts(data)
    return plane_svg(
        scored["s_ifd_mean"].to_numpy(),
        scored["s_ifd_std"].to_numpy(),
        scored["selected"].to_numpy(),
        f"Scatter plot of S-IFD mean and std of {scored.height:,} rows, selected rows highlighted",
        mean_cut=mean_cut,
        std_cut=std_cut,
        max_points=max_points,
    )


def _scored(data: ReportData) -> pl.DataFrame:
    """The rows that were scored under noise."""
    if not {"s_ifd_mean", "s_ifd_std"} <= set(data.ranking.columns):
        return data.ranking.clear()
    return data.ranking.filter(pl.col("s_ifd_mean").is_finite() & pl.col("s_ifd_std").is_finite())


def _cuts(data: ReportData) -> tuple[float | None, float | None]:
    return data.cuts.get("s_ifd_mean"), data.cuts.get("s_ifd_std")


SECTION: Final = Section("plane", "Mean vs std", plane)
