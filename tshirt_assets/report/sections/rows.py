"""The best, borderline and worst rows, token by token."""

from collections.abc import Sequence
from typing import Final

from tshirt_assets.report.cards import legend, row_card
from tshirt_assets.report.data import ReportData, ReportRow
from tshirt_assets.report.markup import Html, el
from tshirt_assets.report.numbers import number
from tshirt_assets.report.parts import Section
from tshirt_assets.report.staged import two_stages


def rows(data: ReportData) -> Html:
    """Groups of rows, each with its response coloured by the deltas of its tokens."""
    staged = two_stages(data)
    groups = [
        _group("best", "best rows", "First in the recipe's order.", data.best, data),
        _group(
            "borderline",
            "borderline rows",
            "The last rows selected and the first left out.",
            data.borderline,
            data,
        ),
        _group(
            "worst",
            "worst rows",
            "Furthest from being selected: lowest score, or lowest IFD where the recipe scores "
            "only some rows.",
            data.worst,
            data,
        ),
    ]
    if not any(groups):
        return Html("")
    lead = (
        "Response tokens are coloured by their delta D = log p(token | instruction) − "
        "log p(token): how much the instruction helps, in nats. Point at a token, or tap it, for "
        "its value. "
    )
    if data.tau is not None:
        lead += f"Tokens up to τ = {number(data.tau)} count as not informative and stay uncoloured."
    return el(
        "section",
        el("h2", "Rows, token by token"),
        el("p", lead, class_="lead"),
        el("p", staged, class_="lead") if staged else Html(""),
        legend(data.tau),
        *groups,
        id="rows",
    )


def _group(group: str, title: str, lead: str, lines: Sequence[ReportRow], data: ReportData) -> Html:
    """One group of row cards; the first one is open."""
    if not lines:
        return Html("")
    cards = [
        row_card(row, data.tau or 0.0, data.shared_beginning, is_open=index == 0)
        for index, row in enumerate(lines)
    ]
    return el(
        "section", el("h3", f"{len(lines)} {title}"), el("p", lead, class_="lead"), *cards, id=group
    )


SECTION: Final = Section("rows", "Rows", rows)
