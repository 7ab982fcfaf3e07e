"""Small PNG plots for Dagster metadata, where a picture travels as base64 inside Markdown."""

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tshirt_assets.report.svg import FEW_POINTS, value_range

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CORPUS_COLOUR: Final = "#8c93a3"
SUBSET_COLOUR: Final = "#6b3fd4"
BOUNDARY_COLOUR: Final = "#1d2026"
MAX_POINTS: Final = 4_000  # of a scatter plot; more only make the file larger
DPI: Final = 80


def png_markdown(png: bytes, title: str) -> str:
    """Markdown image of a PNG, for `MetadataValue.md`; the title is the alternative text."""
    text = title.replace("[", "(").replace("]", ")")
    return f"![{text}](data:image/png;base64,{base64.b64encode(png).decode('ascii')})"


def histogram(
    values: Sequence[float] | np.ndarray,
    title: str,
    *,
    subset: Sequence[float] | np.ndarray | None = None,
) -> bytes:
    """PNG of the distribution of `values` (n,), with that of a `subset` over it if given.

    Both are shown as shares of their own rows, so that a small subset can be seen. Values that
    are not finite are left out; far outliers count in the outermost bars.
    """
    whole, part = _finite(values), _finite(() if subset is None else subset)
    drawing, axes = figure(title)
    if len(whole):
        low, high = value_range(whole, part)
        for data, colour, label in (
            (whole, CORPUS_COLOUR, "corpus"),
            (part, SUBSET_COLOUR, "subset"),
        ):
            if len(data):
                shares = np.full(len(data), 100 / len(data))
                inside = np.clip(data, low, high)
                edges = list(np.linspace(low, high, 41))
                axes.hist(inside, edges, weights=shares, color=colour, alpha=0.65, label=label)
        axes.set_ylabel("% of rows")
    else:
        _say_empty(axes)
    if len(part):
        axes.legend(frameon=False)
    return png(drawing)


def mean_std_plane(
    mean: Sequence[float] | np.ndarray,
    std: Sequence[float] | np.ndarray,
    selected: Sequence[bool] | np.ndarray,
    title: str,
    *,
    mean_boundary: float | None = None,
    std_boundary: float | None = None,
) -> bytes:
    """PNG of robust mean against robust std of S-IFD (T-SHIRT, hierarchical selection).

    All three are (n,). The dashed lines are the lowest mean and the highest std selected: the
    selection is the lower right corner.
    """
    x, y = np.asarray(mean, dtype=float), np.asarray(std, dtype=float)
    chosen = np.asarray(selected, dtype=bool)
    usable = np.isfinite(x) & np.isfinite(y)
    drawing, axes = figure(title)
    for mask, colour, label in (
        (usable & ~chosen, CORPUS_COLOUR, "not selected"),
        (usable & chosen, SUBSET_COLOUR, "selected"),
    ):
        where = _thin(np.flatnonzero(mask))
        size = 24 if len(where) < FEW_POINTS else 12
        axes.scatter(x[where], y[where], s=size, color=colour, alpha=0.7, label=label, linewidths=0)
    if mean_boundary is not None:
        axes.axvline(mean_boundary, color=BOUNDARY_COLOUR, linestyle="--")
    if std_boundary is not None:
        axes.axhline(std_boundary, color=BOUNDARY_COLOUR, linestyle="--")
    axes.set_xlabel("mean of S-IFD over noise")
    axes.set_ylabel("std of S-IFD over noise")
    axes.legend(frameon=False)
    return png(drawing)


def figure(title: str, height: float = 3.0) -> "tuple[Figure, Axes]":
    """An empty plot, 6.4 by `height` inches."""
    # A Figure of one's own, without pyplot: no global state, no display, nothing to close.
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(6.4, height), dpi=DPI, layout="constrained")
    axes = drawing.subplots()
    axes.set_title(title, loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    return drawing, axes


def png(drawing: "Figure") -> bytes:
    """The plot as a small PNG."""
    from PIL import Image

    drawn, small = io.BytesIO(), io.BytesIO()
    drawing.savefig(drawn, format="png", facecolor="white")
    # 64 colours look the same in a third of the size. The default method would give them to the
    # greys of the text and leave none for a few dots.
    colours = Image.open(drawn).convert("RGB").quantize(64, method=Image.Quantize.FASTOCTREE)
    colours.save(small, format="png", optimize=True)
    return small.getvalue()


def _finite(values: Any) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    return array[np.isfinite(array)]


def _thin(where: np.ndarray) -> np.ndarray:
    return where[:: -(-len(where) // MAX_POINTS)] if len(where) > MAX_POINTS else where


def _say_empty(axes: "Axes") -> None:
    axes.text(0.5, 0.5, "no rows", ha="center", va="center", transform=axes.transAxes)
    axes.set_axis_off()
