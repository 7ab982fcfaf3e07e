"""The corrupted shares of all selections as one SVG: a dot and its interval for rule and budget."""

import math
from collections.abc import Iterator
from html import escape
from typing import Final

from tshirt_assets.evidence.figures import Evidence
from tshirt_assets.evidence.intervals import Estimate
from tshirt_assets.export.escaping import one_line

PANEL, GAP, TOP, LINE, BOTTOM = 150, 24, 44, 20, 46
LONGEST = 40  # characters of a name that are shown
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
    names = [_shown(rule) for rule in found.rules]
    left = 24 + max(map(_wide, names), default=0)
    width = left + len(found.budgets) * (PANEL + GAP)
    height = TOP + LINE * len(names) + BOTTOM
    title = (
        f"Corrupted share of selections from {found.corpus}; base rate {found.base:.2f}. Blue: "
        "fewer than random, red: more, grey: not distinguishable."
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'width="{width}" height="{height}" aria-label="{_text(title)}">',
        f"<title>{_text(title)}</title><style>{STYLE}</style>",
    ]
    for place, name in enumerate(names):
        at = f'x="{left - 12}" y="{_y(place) + 4}"'
        parts.append(f'<text {at} text-anchor="end">{escape(name)}</text>')
    for place, budget in enumerate(found.budgets):
        parts += _panel(found, budget, left + place * (PANEL + GAP), height - BOTTOM)
    return "".join([*parts, "</svg>"])


def _shown(rule: str) -> str:
    name = one_line(rule)
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"


def _wide(name: str) -> int:
    """Pixels that a name takes at most, about: letters of East Asia are twice as wide."""
    return sum(13 if letter >= "\u1100" else 7 for letter in name)


def _panel(found: Evidence, budget: float, left: float, bottom: float) -> Iterator[str]:
    middle = left + PANEL / 2
    yield f'<text x="{middle}" y="16" text-anchor="middle">{budget:.0%} selected</text>'
    for share in (0.0, 0.5, 1.0):
        x = left + share * PANEL
        yield f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP - 12}" y2="{bottom}"/>'
        yield f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{share:g}</text>'
    yield f'<text x="{middle}" y="{bottom + 34}" text-anchor="middle">corrupted share</text>'
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
