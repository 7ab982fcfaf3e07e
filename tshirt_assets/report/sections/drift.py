"""What the selection does to the mix of lengths and domains."""

from typing import Final

import polars as pl

from tshirt_assets.report.data import ReportData
from tshirt_assets.report.distributions import LENGTHS, distribution
from tshirt_assets.report.markup import Html, el
from tshirt_assets.report.numbers import percent
from tshirt_assets.report.parts import NOTHING, Section, bar, section

MAX_DOMAINS: Final = 15


def drift(data: ReportData) -> Html:
    """How the subset differs from the corpus in length and domain."""
    figures = [distribution(data, quantity) for quantity in LENGTHS]
    return section(
        "drift",
        "Length and domain",
        "What the selection does to the mix of the corpus.",
        [*figures, _domains(data)],
    )


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


SECTION: Final = Section("drift", "Length and domain", drift)
