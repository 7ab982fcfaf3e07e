"""Headline, scores, plane and drift: each section is nothing where its data is missing."""

from typing import Final

import polars as pl

from tshirt_assets.report.data import ReportData
from tshirt_assets.report.digest import digest
from tshirt_assets.report.distributions import LENGTHS, SCORES, distribution, median
from tshirt_assets.report.markup import Html, el, join
from tshirt_assets.report.numbers import number, percent
from tshirt_assets.report.parts import NOTHING, bar, key, section
from tshirt_assets.report.svg import plane_svg

MAX_DOMAINS: Final = 15


def headline(data: ReportData) -> Html:
    """The numbers one wants to know first."""
    tiles = [
        _tile(
            "Selected",
            number(data.n_selected),
            f"{percent(data.n_selected, data.usable)} of {number(data.usable)} usable rows",
        ),
        _tile("Corpus", number(data.n_rows), f"rows, {_not_usable(data)} not usable or duplicate"),
    ]
    for quantity in (*SCORES, LENGTHS[0]):
        corpus, subset = (data.values(quantity.column, selected=part) for part in (False, True))
        if len(subset):
            whole = "corpus" if len(corpus) == data.usable else f"{number(len(corpus))} scored rows"
            text = f"median; {whole} {number(median(corpus))}"
            tiles.append(_tile(quantity.title, number(median(subset)), text))
    if data.tau is not None:
        share = f"keeps {percent(data.keep_fraction, 1)} of tokens" if data.keep_fraction else ""
        tiles.append(_tile("Threshold τ", number(data.tau), share or "of |token delta|, nats"))
    notes = [el("li", note) for note in data.notes]
    return join(
        el("dl", *tiles, class_="tiles"),
        el("ul", *(el("li", said) for said in digest(data)), class_="digest"),
        el("ul", *notes, class_="notes") if notes else NOTHING,
    )


def distributions(data: ReportData) -> Html:
    """Scores of the corpus and of the subset."""
    figures = [distribution(data, quantity) for quantity in SCORES]
    lead = (
        "Each curve shows shares of its own rows: grey all usable rows, violet the subset. The "
        "outermost bars also count what lies beyond them."
    )
    return section("scores", "Scores", lead, figures)


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


def drift(data: ReportData) -> Html:
    """How the subset differs from the corpus in length and domain."""
    figures = [distribution(data, quantity) for quantity in LENGTHS]
    return section(
        "drift",
        "Length and domain",
        "What the selection does to the mix of the corpus.",
        [*figures, _domains(data)],
    )


def _tile(name: str, value: str, note: str) -> Html:
    return el("div", el("dt", name), el("dd", value), el("dd", note, class_="note"))


def _not_usable(data: ReportData) -> str:
    return number(data.n_rows - data.usable)


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
                bar(_share(corpus, data.usable) / most, "corpus"),
                bar(_share(subset, data.n_selected) / most, "subset"),
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
