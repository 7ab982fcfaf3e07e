"""Plots so small that the Dagster UI shows them among the metadata, without a click."""

import base64
from collections.abc import Sequence
from html import escape
from typing import Final

import numpy as np

from tshirt_assets.export.escaping import markdown
from tshirt_assets.report.numbers import number

# The UI shows Markdown of fewer characters in place; anything longer is a link to a dialog.
INLINE_CHARACTERS: Final = 1_000
BINS: Final = (30, 20, 12)  # bars; as many as leave the picture short enough
WIDTH, HEIGHT = 264, 88  # as wide as the UI's narrowest column
LEFT, RIGHT, TOP, BASE = 38, 254, 4, 58  # of the area between the axes
SIDE: Final = 120  # of a square plot between its axes
# Both are readable on the UI's light and on its dark background.
BARS, WORDS = "#75d", "#889"


def histogram_markdown(values: np.ndarray, title: str) -> str:
    """Markdown image of the distribution of `values` (n,), all finite: rows over the `title`.

    The axis runs from the 0.5 % to the 99.5 % quantile; what lies outside counts in the outermost
    bars. The title is the alternative text, and stands with the median under the axis.
    """
    if not len(values):
        return "no values"
    low, middle, high = (float(q) for q in np.quantile(values, [0.005, 0.5, 0.995]))
    edges = (low, high) if high > low else (low - 0.5, low + 0.5)
    words = (
        _word(LEFT, 72, "start", number(low))
        + _word(RIGHT, 72, "end", number(high))
        + _word((LEFT + RIGHT) // 2, 85, "middle", f"{title}, median {number(middle)}")
    )
    text = ""
    for bins in BINS:
        counts = np.histogram(np.clip(values, low, high), bins, edges)[0]  # (bins,)
        top = _word(LEFT - 3, 13, "end", f"{counts.max():,}")
        svg = _drawing(WIDTH, HEIGHT, _bars(counts) + top + words)
        text = image_markdown(svg, title)
        if len(text) < INLINE_CHARACTERS:
            break
    return text


def agreement_markdown(across: np.ndarray, up: np.ndarray, names: tuple[str, str]) -> str:
    """Markdown image of pairs of numbers (n,) > 0, both axes logarithmic and from and to the same.

    The diagonal is where they are equal; pairs with a value that is not positive are left out, and
    of many pairs every second, third, ... is shown. names: of the axes, across and up.
    """
    usable = (across > 0) & (up > 0)
    if not usable.any():
        return "no values"
    values = np.log(np.stack([across[usable], up[usable]]))  # (2, n)
    low, high = values.min(), values.max()
    x, y = np.rint((values - low) / max(high - low, 1e-9) * SIDE).astype(int)
    ends = [number(float(np.exp(end)), 2) for end in (low, high)]
    frame, text = _square(ends, names), ""
    for step in range(1, len(x) + 1):
        dots = "".join(
            f"M{LEFT + a} {TOP + SIDE - b}h0" for a, b in zip(x[::step], y[::step], strict=True)
        )
        svg = _drawing(
            WIDTH,
            TOP + SIDE + 30,
            f'{frame}<path stroke="{BARS}" stroke-width="5" stroke-linecap="round" d="{dots}"/>',
        )
        text = image_markdown(svg, f"{names[1]} (up) against {names[0]} (across)")
        if len(text) < INLINE_CHARACTERS:
            break
    return text


def _bars(counts: np.ndarray) -> str:
    """Bars (n,) of which the highest reaches the top, and both axes."""
    tops = BASE - np.rint(counts * ((BASE - TOP) / counts.max())).astype(int)
    path = "".join(f"V{top}h{(RIGHT - LEFT) / len(counts):.4g}" for top in tops)
    return (
        f'<path fill="{BARS}" d="M{LEFT} {BASE}{path}V{BASE}z"/>'
        f'<path stroke="{WORDS}" fill="none" d="M{LEFT} {TOP}V{BASE}H{RIGHT}"/>'
    )


def _square(ends: Sequence[str], names: tuple[str, str]) -> str:
    """Two axes with the same ends, their names, and the diagonal."""
    bottom = TOP + SIDE
    return (
        f'<path stroke="{WORDS}" fill="none" d="M{LEFT} {TOP}v{SIDE}h{SIDE}m-{SIDE} 0l{SIDE}-'
        f'{SIDE}"/>'
        + _word(LEFT, bottom + 13, "middle", ends[0])
        + _word(LEFT + SIDE, bottom + 13, "middle", ends[1])
        + _word(LEFT - 4, TOP + 9, "end", ends[1])
        + _word(LEFT + 6, TOP + 9, "start", names[1])
        + _word(LEFT + SIDE + 6, bottom - 4, "start", names[0])
    )


def image_markdown(svg: str, title: str) -> str:
    """Markdown image of an SVG; the title is the alternative text."""
    return (
        f"![{markdown(title)}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"
    )


def _drawing(width: int, height: int, inside: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'style="font:11px sans-serif" fill="{WORDS}">{inside}</svg>'
    )


def _word(x: int, y: int, anchor: str, text: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'
