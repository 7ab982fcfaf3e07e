"""The sections of the page above the rows: each returns nothing where its data is missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from tshirt_assets.report.data import RecipeComparison, ReportData
from tshirt_assets.report.markup import Html, el, join
from tshirt_assets.report.numbers import number, percent, signed
from tshirt_assets.report.svg import histogram_svg, plane_svg

NOTHING: Final = Html("")
MAX_DOMAINS: Final = 15


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
        "IFD over informative tokens only, averaged over noisy copies of the row. Higher is "
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
    Quantity("n_prompt_tokens", "Prompt tokens", "Length of everything before it.", log=True),
)
EXPLANATIONS: Final = {
    "selected": "The subset of this report.",
    "over budget": "Ranked, but behind the rows that fill the budget.",
    "not a contender": "Its clean S-IFD is too low to reach the selection; it was not perturbed.",
    "ifd >= 1": "The instruction makes the response less likely, so it may not fit it.",
    "duplicate": "The same content is already in the corpus.",
    "too similar": "Its embedding is close to that of a row selected before it.",
    "quota": "The seats of its domain, or the free ones, were taken.",
    "not spread": "The diversity step chose other rows of the candidates.",
    "no score": "The score that this recipe ranks by is missing.",
    "empty_response": "There is no response to learn from.",
    "prompt_too_long": "The prompt leaves no room for the response in the model's context.",
    "response_too_short": "Fewer than two response tokens: nothing to compare.",
    "no_informative_token": "No token's probability depends on the instruction.",
}


def headline(data: ReportData) -> Html:
    """The numbers one wants to know first."""
    tiles = [
        _tile(
            "Selected",
            number(data.n_selected),
            f"{percent(data.n_selected, data.usable)} of {number(data.usable)} usable rows",
        ),
        _tile("Corpus", number(data.n_rows), f"rows, {_not_usable(data)} not usable"),
    ]
    for quantity in (*SCORES, LENGTHS[0]):
        corpus, subset = (data.values(quantity.column, selected=part) for part in (False, True))
        if len(subset):
            whole = "corpus" if len(corpus) == data.usable else f"{number(len(corpus))} scored rows"
            text = f"median; {whole} {number(_median(corpus))}"
            tiles.append(_tile(quantity.title, number(_median(subset)), text))
    if data.tau is not None:
        share = f"keeps {percent(data.keep_fraction, 1)} of tokens" if data.keep_fraction else ""
        tiles.append(_tile("Threshold τ", number(data.tau), share or "of |token delta|, nats"))
    notes = [el("li", note) for note in data.notes]
    return join(
        el("dl", *tiles, class_="tiles"), el("ul", *notes, class_="notes") if notes else NOTHING
    )


def distributions(data: ReportData) -> Html:
    """Scores of the corpus and of the subset."""
    figures = [_distribution(data, quantity) for quantity in SCORES]
    lead = "Each curve shows shares of its own rows: grey all usable rows, violet the subset."
    return _section("scores", "Scores", lead, figures)


def plane(data: ReportData) -> Html:
    """Robust mean against robust std, with the selection's corner."""
    if not {"s_ifd_mean", "s_ifd_std"} <= set(data.ranking.columns):
        return NOTHING
    scored = data.ranking.filter(pl.col("s_ifd_mean").is_finite() & pl.col("s_ifd_std").is_finite())
    if scored.is_empty():
        return NOTHING
    mean_cut, std_cut = data.cuts.get("s_ifd_mean"), data.cuts.get("s_ifd_std")
    chart = plane_svg(
        scored["s_ifd_mean"].to_numpy(),
        scored["s_ifd_std"].to_numpy(),
        scored["selected"].to_numpy(),
        f"Scatter plot of S-IFD mean and std of {scored.height:,} rows, selected rows highlighted",
        mean_cut=mean_cut,
        std_cut=std_cut,
    )
    if mean_cut is None or std_cut is None:
        caption = "This recipe does not select by this plane; its rows are shown for comparison."
    else:
        caption = (
            f"T-SHIRT first keeps the rows with the highest mean, here {number(mean_cut)} and "
            f"above, and of those the ones with the lowest std, up to {number(std_cut)}: the "
            "shaded corner."
        )
    counts = (
        ("corpus", scored.height - data.n_selected, "scored under noise, not selected"),
        ("subset", data.n_selected, "selected"),
    )
    keys = [el("li", _key(name), f"{number(rows)} rows {what}") for name, rows, what in counts]
    text = el("figcaption", el("p", caption), el("ul", *keys, class_="keys"))
    figure = el("figure", chart, text, class_="wide beside")
    lead = "The robust mean says how good a row is, the robust std how far to trust that."
    return _section("plane", "Mean versus std", lead, [figure])


def drift(data: ReportData) -> Html:
    """How the subset differs from the corpus in length and domain."""
    figures = [_distribution(data, quantity) for quantity in LENGTHS]
    return _section(
        "drift",
        "Length and domain",
        "What the selection does to the mix of the corpus.",
        [*figures, _domains(data)],
    )


def recipes(data: ReportData) -> Html:
    """Overlap and rank correlation between the corpus's recipes."""
    comparison = data.comparison
    if comparison is None or len(comparison.names) < 2:
        return NOTHING
    overlap = _matrix(
        comparison,
        comparison.overlap,
        "Overlap",
        "Share of the row's subset that the column's subset also holds.",
        has_sign=False,
    )
    correlation = _matrix(
        comparison,
        comparison.rank_correlation,
        "Rank correlation",
        "Spearman over the rows that both recipes rank.",
        has_sign=True,
    )
    lead = "Recipes with high overlap would train much the same model."
    return _section("recipes", "Recipes compared", lead, [overlap, correlation])


def dropped(data: ReportData) -> Html:
    """What was not selected, why, and what would have kept it."""
    if not data.excluded:
        return NOTHING
    counts = {"selected": data.n_selected, **data.excluded}
    most = max(counts.values())
    lines = [
        el(
            "tr",
            el("th", reason, _bar(rows / most, name), scope="row"),
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
    return _section(
        "dropped", "What was dropped, and why", lead, [el("figure", table, class_="wide")]
    )


def _section(anchor: str, title: str, lead: str, figures: Sequence[Html]) -> Html:
    shown = [figure for figure in figures if figure]
    if not shown:
        return NOTHING
    body = el("div", *shown, class_="figures")
    return el("section", el("h2", title), el("p", lead, class_="lead"), body, id=anchor)


def _tile(name: str, value: str, note: str) -> Html:
    return el("div", el("dt", name), el("dd", value), el("dd", note, class_="note"))


def _not_usable(data: ReportData) -> str:
    return number(data.n_rows - data.usable)


def _median(values: np.ndarray) -> float | None:
    return float(np.median(values)) if len(values) else None


def _distribution(data: ReportData, quantity: Quantity) -> Html:
    corpus = data.values(quantity.column)
    subset = data.values(quantity.column, selected=True)
    if not len(corpus):
        return NOTHING
    chart = histogram_svg(
        corpus,
        subset,
        f"Distribution of {quantity.title}: median {number(_median(corpus))} in the corpus, "
        f"{number(_median(subset))} in the subset",
        threshold=quantity.threshold,
        threshold_label=quantity.threshold_label,
        log=quantity.log,
    )
    lines = [
        el("tr", el("th", _key(name), name, scope="row"), *_quantiles(values))
        for name, values in (("corpus", corpus), ("subset", subset))
    ]
    names = ("", "rows", "5 %", "median", "95 %")
    head = el(
        "tr", *(el("th", name, scope="col", class_="num" if name else None) for name in names)
    )
    table = el("table", el("thead", head), el("tbody", *lines), class_="quantiles")
    caption = el("figcaption", el("h3", quantity.title), quantity.note)
    return el("figure", caption, chart, table)


def _key(name: str) -> Html:
    return el("span", class_=f"key {name}")


def _quantiles(values: np.ndarray) -> list[Html]:
    cuts = np.quantile(values, [0.05, 0.5, 0.95]) if len(values) else [float("nan")] * 3
    return [el("td", number(float(value)), class_="num") for value in (len(values), *cuts)]


def _domains(data: ReportData) -> Html:
    if "domain" not in data.ranking.columns or data.ranking["domain"].is_null().all():
        return NOTHING
    counts = (
        data.ranking.with_columns(pl.col("domain").fill_null("(none)"))
        .group_by("domain")
        .agg(corpus=pl.len(), subset=pl.col("selected").sum())
        .sort("corpus", "domain", descending=[True, False])
    )
    most = max(
        _share(counts["corpus"].max(), data.usable), _share(counts["subset"].max(), data.n_selected)
    )
    lines = [
        el(
            "tr",
            el("th", el("bdi", domain), scope="row"),
            el(
                "td",
                _bar(_share(corpus, data.usable) / most, "corpus"),
                _bar(_share(subset, data.n_selected) / most, "subset"),
                class_="bars",
            ),
            el("td", percent(corpus, data.usable), class_="num"),
            el("td", percent(subset, data.n_selected), class_="num"),
        )
        for domain, corpus, subset in counts.head(MAX_DOMAINS).iter_rows()
    ]
    names = ("domain", "", "corpus", "subset")
    head = el("tr", *(el("th", name, scope="col") for name in names))
    left_out = counts.height - MAX_DOMAINS
    note = f" The {left_out:,} smallest domains are not shown." if left_out > 0 else ""
    caption = el("figcaption", el("h3", "Domains"), "Share of the rows.", note)
    table = el("table", el("thead", head), el("tbody", *lines), class_="domains")
    return el("figure", caption, table)


def _share(part: object, whole: int) -> float:
    return float(str(part or 0)) / max(1, whole)


def _bar(share: float, name: str) -> Html:
    return el("span", class_=f"bar {name}", style=f"--share:{share:.4f}", aria_hidden="true")


def _matrix(
    comparison: RecipeComparison, values: np.ndarray, title: str, note: str, *, has_sign: bool
) -> Html:
    corner = el("th", "recipe (rows)", scope="col")
    head = el("tr", corner, *(el("th", name, scope="col") for name in comparison.names))
    lines = []
    for i, name in enumerate(comparison.names):
        cells = [_cell(float(value), has_sign=has_sign) for value in values[i]]
        lines.append(el("tr", el("th", f"{name} ({comparison.sizes[i]:,})", scope="row"), *cells))
    table = el("table", el("thead", head), el("tbody", *lines), class_="matrix")
    caption = el("figcaption", el("h3", title), note)
    scroll = el("div", table, class_="scroll", tabindex="0", role="group", aria_label=title)
    return el("figure", caption, scroll, class_="wide")


def _cell(value: float, *, has_sign: bool) -> Html:
    if not np.isfinite(value):
        return el("td", "–", class_="num")
    shown = signed(value) if has_sign else f"{100 * value:.0f} %"
    name = "num heat" if value >= 0 else "num heat minus"
    return el("td", shown, class_=name, style=f"--share:{abs(value):.3f}")


def _would_be_kept(data: ReportData, reason: str) -> Html:
    """How many rows dropped for a reason larger budgets would keep."""
    if not {"excluded", "kept_at"} <= set(data.ranking.columns):
        return NOTHING
    kept_at = data.ranking.filter(pl.col("excluded") == reason)["kept_at"].drop_nulls()
    parts = []
    for factor in (1.2, 2.0, 4.0):
        budget = round(data.n_selected * factor)
        rows = int((kept_at <= budget).sum())
        if rows and budget <= data.usable:
            parts.append(f"{number(rows)} at a budget of {percent(budget, data.usable)}")
    if not parts:
        return NOTHING
    return el("span", f"Would be kept: {', '.join(parts)}.", class_="kept")
