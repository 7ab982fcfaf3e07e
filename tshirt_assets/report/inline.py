"""Plots so small that the Dagster UI shows them among the metadata, without a click."""

import base64
from typing import Final

import numpy as np

from tshirt_assets.export.escaping import markdown
from tshirt_assets.report.numbers import number

# The UI shows Markdown of fewer characters in place; anything longer is a link to a dialog.
INLINE_CHARACTERS: Final = 1_000
N_BINS: Final = 40
WIDTH, HEIGHT, BASE = 320, 76, 58
SIDE = 120  # of a square plot
# Both are readable on the UI's light and on its dark background.
BARS, WORDS = "#7c5cd6", "#868e9c"


def histogram_markdown(values: np.ndarray, title: str) -> str:
    """Markdown image of the distribution of `values` (n,), all finite, with three quantiles.

    Shows the range from the 0.5 % to the 99.5 % quantile; what lies outside counts in the
    outermost bars. The title is the alternative text.
    """
    if not len(values):
        return "no values"
    low, middle, high = (float(q) for q in np.quantile(values, [0.005, 0.5, 0.995]))
    inside = np.clip(values, low, high)
    edges = (low, high) if high > low else (low - 0.5, low + 0.5)
    counts = np.histogram(inside, N_BINS, edges)[0]  # (N_BINS,)
    tops = BASE - np.rint(counts * (BASE / counts.max())).astype(int)
    bars = "".join(f"V{top}h{WIDTH // N_BINS}" for top in tops)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}">'
        f'<path fill="{BARS}" d="M0 {BASE}{bars}V{BASE}z"/>'
        f'<g fill="{WORDS}" font-family="sans-serif" font-size="12">'
        + _word(0, "start", number(low))
        + _word(WIDTH // 2, "middle", f"median {number(middle)}")
        + _word(WIDTH, "end", number(high))
        + "</g></svg>"
    )
    return image_markdown(svg, title)


def agreement_markdown(found: np.ndarray, truth: np.ndarray, title: str) -> str:
    """Markdown image of pairs `found` (n,) against `truth` (n,) > 0, both axes logarithmic.

    The diagonal is where they are equal; pairs with a value that is not positive are left out.
    """
    usable = (found > 0) & (truth > 0)
    if not usable.any():
        return "no values"
    values = np.log(np.stack([found[usable], truth[usable]]))  # (2, n)
    low, high = values.min(), values.max()
    x, y = np.rint((values - low) / max(high - low, 1e-9) * SIDE).astype(int) + 3
    dots = "".join(f"M{a} {SIDE + 6 - b}h0" for a, b in zip(x, y, strict=True))
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{SIDE + 6}" height="{SIDE + 6}">'
        f'<path stroke="{WORDS}" d="M3 {SIDE + 3}L{SIDE + 3} 3"/>'
        f'<path stroke="{BARS}" stroke-width="5" stroke-linecap="round" d="{dots}"/></svg>'
    )
    return image_markdown(svg, title)


def image_markdown(svg: str, title: str) -> str:
    """Markdown image of an SVG; the title is the alternative text."""
    return (
        f"![{markdown(title)}](data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()})"
    )


def _word(x: int, anchor: str, text: str) -> str:
    return f'<text x="{x}" y="{HEIGHT - 4}" text-anchor="{anchor}">{text}</text>'
