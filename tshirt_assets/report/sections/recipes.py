"""The section that compares the corpus's recipes."""

from typing import Final

import numpy as np

from tshirt_assets.report.data import ReportData
from tshirt_assets.report.markup import Html, el
from tshirt_assets.report.numbers import signed
from tshirt_assets.report.parts import NOTHING, Section, section
from tshirt_assets.selection.agreement import RecipeComparison


def recipes(data: ReportData) -> Html:
    """Overlap and rank correlation between the corpus's recipes."""
    comparison = data.comparison
    if comparison is None or len(comparison.names) < 2:
        return NOTHING
    overlap = _matrix(
        comparison,
        comparison.overlap,
        "Overlap",
        "Rows that both recipes select, as a share of the smaller subset.",
        has_sign=False,
    )
    correlation = _matrix(
        comparison,
        comparison.rank_correlation,
        "Rank correlation",
        "Spearman over the rows that both recipes rank.",
        has_sign=True,
    )
    lead = "Recipes of similar size with a high overlap would train much the same model."
    return section("recipes", "Recipes compared", lead, [overlap, correlation])


def _matrix(
    comparison: RecipeComparison, values: np.ndarray, title: str, note: str, *, has_sign: bool
) -> Html:
    corner = el("th", "recipe (rows)", scope="col")
    head = el("tr", corner, *(el("th", name, scope="col") for name in comparison.names))
    lines = []
    for i, name in enumerate(comparison.names):
        cells = [_cell(float(value), has_sign=has_sign) for value in values[i]]
        lines.append(el("tr", el("th", f"{name} ({comparison.sizes[i]:,})", scope="row"), *cells))
    table = el(
        "table",
        el("thead", head),
        el("tbody", *lines),
        class_="matrix",
        style=f"--columns:{len(comparison.names)}",
    )
    caption = el("figcaption", el("h3", title), note)
    scroll = el("div", table, class_="scroll", tabindex="0", role="group", aria_label=title)
    return el("figure", caption, scroll, class_="wide")


def _cell(value: float, *, has_sign: bool) -> Html:
    if not np.isfinite(value):
        return el("td", "–", class_="num")
    shown = signed(value) if has_sign else f"{100 * value:.0f} %"
    name = "num heat" if value >= 0 else "num heat minus"
    return el("td", shown, class_=name, style=f"--share:{abs(value):.3f}")


SECTION: Final = Section("recipes", "Recipes", recipes)
