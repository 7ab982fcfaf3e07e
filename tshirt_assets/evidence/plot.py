"""The corrupted shares of all selections as one SVG: a dot and its interval for rule and budget."""

import math
from collections.abc import Iterator
from html import escape
from typing import Final

from tshirt_assets.evidence.figures import Evidence
from tshirt_assets.evidence.intervals import Estimate
from tshirt_assets.export.escaping import one_line

LEFT, PANEL, GAP, TOP, LINE = 150, 150, 24, 44, 20
STYLE: Final = (
    "text{font:12px system-ui,sans-serif;fill:#1a1a1a}"
    ".grid{stroke:#d9d9d9}.base{stroke:#767676;stroke-dasharray:3 3}"
    ".range{stroke-width:2}.same{stroke:#767676;fill:#767676}"
    ".more{stroke:#b3261e;fill:#b3261e}.fewer{stroke:#1261a0;fill:#1261a0}"
    "@media(prefers-color-scheme:dark){text{fill:#e8e8e8}.grid{stroke:#444}"
    ".base{stroke:#9a9a9a}.same{stroke:#a8a8a8;fill:#a8a8a8}"
    ".more{stroke:#ff8a80;fill:#ff8a80}.fewer{stroke:#7cc4ff;fill:#7cc4ff}}"
)


def shares_svg(found: Evidence) -> str:
    """A panel for each budget, a line for each rule; dashed: the base rate."""
    width = LEFT + len(found.budgets) * (PANEL + GAP)
    height = TOP + LINE * len(found.rules) + 28
    title = (
        f"Corrupted share of selections from {found.corpus}; base rate {found.base:.2f}. Blue: "
        "fewer than random, red: more, grey: not distinguishable."
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'width="{width}" height="{height}" aria-label="{_text(title)}">',
        f"<title>{_text(title)}</title><style>{STYLE}</style>",
        *_names(found),
    ]
    for place, budget in enumerate(found.budgets):
        parts += _panel(found, budget, LEFT + place * (PANEL + GAP), height - 28)
    return "".join([*parts, "</svg>"])


def _names(found: Evidence) -> Iterator[str]:
    for place, rule in enumerate(found.rules):
        yield f'<text x="{LEFT - 12}" y="{_y(place) + 4}" text-anchor="end">{_text(rule)}</text>'


def _panel(found: Evidence, budget: float, left: float, bottom: float) -> Iterator[str]:
    middle = left + PANEL / 2
    yield f'<text x="{middle}" y="16" text-anchor="middle">{budget:.0%} selected</text>'
    for share in (0.0, 0.5, 1.0):
        x = left + share * PANEL
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP - 12}" y2="{bottom}"/>'
        yield f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{share:g}</text>'
    base = left + found.base * PANEL
    yield f'<line class="base" x1="{base:.1f}" x2="{base:.1f}" y1="{TOP - 12}" y2="{bottom}"/>'
    for place, rule in enumerate(found.rules):
        one = found.shares[rule][budget]
        if not math.isnan(one.value):
            yield _dot(one, one.against(found.base) or "same", left, _y(place))


def _dot(one: Estimate, kind: str, left: float, y: float) -> str:
    low, value, high = (left + share * PANEL for share in (one.low, one.value, one.high))
    return (
        f'<g class="{kind}"><line class="range" x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>'
        f'<circle cx="{value:.1f}" cy="{y}" r="4"/></g>'
    )


def _y(place: int) -> float:
    return TOP + LINE * place


def _text(value: str) -> str:
    return escape(one_line(value))
