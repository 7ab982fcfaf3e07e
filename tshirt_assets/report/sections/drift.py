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
        [*figures, _domains(data), _scripts(data)],
    )


def _scripts(data: ReportData) -> Html:
    """The mix of writing systems: a model would be needed to tell languages apart."""
    if not data.scripts:
        return NOTHING
    shares = [(name, *both) for name, both in data.scripts.items()]
    most = max(max(corpus, subset) for _, corpus, subset in shares)
    lines = [_line(name, corpus, subset, most) for name, corpus, subset in shares[:MAX_DOMAINS]]
    note = (
        "Share of the rows by the writing system of most of their letters (of many rows, a draw of "
        "2,000). It does not tell apart languages that share one."
    )
    return _table("Writing systems", "script", note, lines)


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
        _line(domain, _share(corpus, data.usable), _share(subset, data.n_selected), most)
        for domain, corpus, subset in counts.head(MAX_DOMAINS).iter_rows()
    ]
    left_out = counts.height - MAX_DOMAINS
    note = f" The {left_out:,} smallest domains are not shown." if left_out > 0 else ""
    return _table("Domains", "domain", "Share of the rows." + note, lines)


def _line(name: str, corpus: float, subset: float, most: float) -> Html:
    return el(
        "tr",
        el("th", el("bdi", name), scope="row"),
        el("td", bar(corpus / most, "corpus"), bar(subset / most, "subset"), class_="bars"),
        el("td", percent(corpus, 1), class_="num"),
        el("td", percent(subset, 1), class_="num"),
    )


def _table(title: str, kind: str, note: str, lines: list[Html]) -> Html:
    head = el("tr", *(el("th", name, scope="col") for name in (kind, "", "corpus", "subset")))
    caption = el("figcaption", el("h3", title), note)
    table = el("table", el("thead", head), el("tbody", *lines), class_="domains")
    return el("figure", caption, table)


def _share(part: object, whole: int) -> float:
    return float(str(part or 0)) / max(1, whole)


SECTION: Final = Section("drift", "Length and domain", drift)
