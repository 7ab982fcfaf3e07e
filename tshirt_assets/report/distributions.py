"""The distributions of the page: what is shown of which column, and how to read it."""

from typing import Final

import numpy as np

from tshirt_assets.report.data import ReportData
from tshirt_assets.report.markup import Html, el
from tshirt_assets.report.numbers import number
from tshirt_assets.report.parts import NOTHING, key
from tshirt_assets.report.svg import histogram_svg
from tshirt_assets.selection.scores import Score, in_section

SCORES: Final = in_section("scores")
UNITS: Final = {"miwv": "nats"}
"""Of the scores that are no ratios or counts."""
LENGTHS: Final = in_section("drift")


def distribution(data: ReportData, score: Score) -> Html:
    """Histogram and quantiles of one score in the corpus and in the subset."""
    corpus = data.values(score.column)
    subset = data.values(score.column, selected=True)
    if not len(corpus):
        return NOTHING
    chart = histogram_svg(
        corpus,
        subset,
        f"Distribution of {score.title}: median {number(median(corpus))} in the corpus, "
        f"{number(median(subset))} in the subset",
        threshold=score.threshold,
        threshold_label=score.threshold_label,
        log=score.log,
        x_name=axis_title(score),
    )
    lines = [
        el("tr", el("th", key(name), name, scope="row"), *_quantiles(values))
        for name, values in (("corpus", corpus), ("subset", subset))
    ]
    names = ("", "rows", "5 %", "median", "95 %")
    head = el(
        "tr", *(el("th", name, scope="col", class_="num" if name else None) for name in names)
    )
    table = el("table", el("thead", head), el("tbody", *lines), class_="quantiles")
    caption = el("figcaption", el("h3", score.title), score.note)
    return el("figure", caption, chart, table)


def axis_title(score: Score) -> str:
    """What a score's axis shows, with its unit where it has one."""
    unit = UNITS.get(score.column)
    return f"{score.label}, {unit}" if unit else score.label


def median(values: np.ndarray) -> float | None:
    """Median of values (n,); None without any."""
    return float(np.median(values)) if len(values) else None


def _quantiles(values: np.ndarray) -> list[Html]:
    cuts = np.quantile(values, [0.05, 0.5, 0.95]) if len(values) else [float("nan")] * 3
    return [el("td", number(float(value)), class_="num") for value in (len(values), *cuts)]
