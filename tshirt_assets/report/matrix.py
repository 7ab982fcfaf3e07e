"""Tables of recipes side by side: shaded numbers that scroll in a box of their own."""

from collections.abc import Iterable, Sequence

import numpy as np

from tshirt_assets.report.markup import Html, el
from tshirt_assets.report.numbers import signed
from tshirt_assets.selection.agreement import RecipeComparison


def agreement_figures(comparison: RecipeComparison) -> list[Html]:
    """The figures of overlap and of rank correlation."""
    names = comparison.names
    lines = [f"{name} ({size:,})" for name, size in zip(names, comparison.sizes, strict=True)]
    overlap = matrix(
        "Overlap",
        "Rows that both recipes select, as a share of the smaller subset.",
        ("recipe (rows)", *names),
        [(line, map(share_cell, row)) for line, row in zip(lines, comparison.overlap, strict=True)],
    )
    correlation = matrix(
        "Rank correlation",
        "Spearman over the rows that both recipes rank.",
        ("recipe (rows)", *names),
        [
            (line, map(_signed_cell, row))
            for line, row in zip(lines, comparison.rank_correlation, strict=True)
        ],
    )
    return [overlap, correlation]


def matrix(
    title: str,
    note: str,
    head: Sequence[str],
    lines: Iterable[tuple[str, Iterable[Html]]],
    name: str = "",
) -> Html:
    """A figure with a table: a heading for each column, and each line with its name and cells.

    name: a further class of the table.
    """
    columns = el("tr", *(el("th", one, scope="col") for one in head))
    body = [el("tr", el("th", line, scope="row"), *cells) for line, cells in lines]
    table = el(
        "table",
        el("thead", columns),
        el("tbody", *body),
        class_=f"matrix {name}".rstrip(),
        style=f"--columns:{len(head) - 1}",
    )
    caption = el("figcaption", el("h3", title), note)
    scroll = el("div", table, class_="scroll", tabindex="0", role="group", aria_label=title)
    return el("figure", caption, scroll, class_="wide")


def share_cell(value: float) -> Html:
    """A share (0 to 1), or an en dash for nan."""
    return _cell(value, f"{100 * value:.0f} %")


def _signed_cell(value: float) -> Html:
    return _cell(value, signed(value))


def _cell(value: float, shown: str) -> Html:
    if not np.isfinite(value):
        return el("td", "–", class_="num")
    name = "num heat" if value >= 0 else "num heat minus"
    return el("td", shown, class_=name, style=f"--share:{abs(value):.3f}")
