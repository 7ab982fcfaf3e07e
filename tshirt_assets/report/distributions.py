"""The distributions of the page: what is shown of which column, and how to read it."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from tshirt_assets.report.data import ReportData
from tshirt_assets.report.markup import Html, el
from tshirt_assets.report.numbers import number
from tshirt_assets.report.parts import NOTHING, key
from tshirt_assets.report.svg import histogram_svg


@dataclass(frozen=True, slots=True)
class Quantity:
    """A column of the ranking and how to read it."""

    column: str
    title: str
    note: str
    threshold: float | None = None
    threshold_label: str = ""
    log: bool = False


SCORES: Final = (
    Quantity(
        "ifd",
        "IFD",
        "Perplexity of the response with the instruction over that without it. Below 1 the "
        "instruction helps; closer to 1 is harder to follow, and preferred.",
        1.0,
        "helps | hurts",
    ),
    Quantity(
        "s_ifd_mean",
        "S-IFD, robust mean",
        "IFD over informative tokens only, averaged over noise on the embeddings. Higher is "
        "preferred.",
    ),
    Quantity(
        "s_ifd_std",
        "S-IFD, robust std",
        "How much the noise moves the score. Lower is more trustworthy, and preferred.",
    ),
    Quantity(
        "miwv",
        "MIWV",
        "Loss with a similar solved example in front, minus loss without. Higher: the example "
        "does not help, the model has something to learn.",
        0.0,
        "",
    ),
)
LENGTHS: Final = (
    Quantity("n_response_tokens", "Response tokens", "Length of the scored response.", log=True),
)


def distribution(data: ReportData, quantity: Quantity) -> Html:
    """Histogram and quantiles of one quantity in the corpus and in the subset."""
    corpus = data.values(quantity.column)
    subset = data.values(quantity.column, selected=True)
    if not len(corpus):
        return NOTHING
    chart = histogram_svg(
        corpus,
        subset,
        f"Distribution of {quantity.title}: median {number(median(corpus))} in the corpus, "
        f"{number(median(subset))} in the subset",
        threshold=quantity.threshold,
        threshold_label=quantity.threshold_label,
        log=quantity.log,
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
    caption = el("figcaption", el("h3", quantity.title), quantity.note)
    return el("figure", caption, chart, table)


def median(values: np.ndarray) -> float | None:
    """Median of values (n,); None without any."""
    return float(np.median(values)) if len(values) else None


def _quantiles(values: np.ndarray) -> list[Html]:
    cuts = np.quantile(values, [0.05, 0.5, 0.95]) if len(values) else [float("nan")] * 3
    return [el("td", number(float(value)), class_="num") for value in (len(values), *cuts)]
