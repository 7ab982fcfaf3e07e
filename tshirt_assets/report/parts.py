"""Pieces that several sections of the page share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from tshirt_assets.report.data import ReportData
from tshirt_assets.report.markup import Html, el

NOTHING: Final = Html("")


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the page.

    anchor: its id. name: in the page's navigation. build: its HTML, or `NOTHING` where its data is
    missing; page and navigation then leave it out.
    """

    anchor: str
    name: str
    build: Callable[[ReportData], Html]


def section(anchor: str, title: str, lead: str, figures: Sequence[Html]) -> Html:
    """A section of the page; nothing if none of its figures has anything to show."""
    shown = [figure for figure in figures if figure]
    if not shown:
        return NOTHING
    body = el("div", *shown, class_="figures")
    return el("section", el("h2", title), el("p", lead, class_="lead"), body, id=anchor)


def key(name: str) -> Html:
    """The colour of `corpus` or `subset`, for a legend."""
    return el("span", class_=f"key {name}")


def bar(share: float, name: str) -> Html:
    """A bar of a share (0 to 1) of the room there is."""
    return el("span", class_=f"bar {name}", style=f"--share:{share:.4f}", aria_hidden="true")
