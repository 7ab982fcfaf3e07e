"""Small PNG plots for Dagster metadata, where a picture travels as base64 inside Markdown."""

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

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
    line: float | None = None,
    line_label: str = "",
) -> bytes:
    """PNG of the distribution of `values` (n,), with that of a `subset` over it if given.

    Both are shown as shares of their own rows, so that a small subset can be seen. Values that
    are not finite are left out, and the outermost 0.5 % of the corpus is cut off on either side.
    `line` marks a threshold.
    """
    whole, part = _finite(values), _finite(() if subset is None else subset)
    drawing, axes = figure(title)
    if len(whole):
        bins = _bins(whole, part)
        for data, colour, label in (
            (whole, CORPUS_COLOUR, "corpus"),
            (part, SUBSET_COLOUR, "subset"),
        ):
            if len(data):
                shares = np.full(len(data), 100 / len(data))
                axes.hist(data, list(bins), weights=shares, color=colour, alpha=0.65, label=label)
        axes.set_ylabel("% of rows")
    else:
        _say_empty(axes)
    if line is not None:
        axes.axvline(line, color=BOUNDARY_COLOUR, linestyle="--", label=line_label or None)
    if len(part) or line_label:
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
        axes.scatter(x[where], y[where], s=12, color=colour, alpha=0.7, label=label, linewidths=0)
    if mean_boundary is not None:
        axes.axvline(mean_boundary, color=BOUNDARY_COLOUR, linestyle="--")
    if std_boundary is not None:
        axes.axhline(std_boundary, color=BOUNDARY_COLOUR, linestyle="--")
    axes.set_xlabel("mean of S-IFD over noise")
    axes.set_ylabel("std of S-IFD over noise")
    axes.legend(frameon=False)
    return png(drawing)


def overlap_heatmap(names: Sequence[str], overlap: np.ndarray, title: str) -> bytes:
    """PNG of an (n, n) matrix of shares in [0, 1] between recipes; nan cells stay empty."""
    shares = np.asarray(overlap, dtype=float)
    drawing, axes = figure(title, height=1.4 + 0.45 * len(names))
    axes.imshow(shares, vmin=0, vmax=1, cmap="Blues", aspect="auto")
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_yticks(range(len(names)), names)
    for i, j in np.argwhere(np.isfinite(shares)):
        colour = "white" if shares[i, j] > 0.6 else "black"
        axes.text(j, i, f"{shares[i, j]:.0%}", ha="center", va="center", color=colour)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return png(drawing)


def status_bars(counts: Mapping[str, int], title: str) -> bytes:
    """PNG with one bar per status, largest first, on a logarithmic axis."""
    items = sorted(counts.items(), key=lambda item: (item[1], item[0]))
    drawing, axes = figure(title, height=1.0 + 0.32 * max(1, len(items)))
    if items:
        names, values = zip(*items, strict=True)
        colours = [CORPUS_COLOUR if name == "ok" else SUBSET_COLOUR for name in names]
        bars = axes.barh(names, values, color=colours, log=True)
        axes.bar_label(bars, labels=[f"{value:,}" for value in values], padding=3)
        axes.set_xlim(0.8, max(values) * 4)
    else:
        _say_empty(axes)
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


def _bins(whole: np.ndarray, part: np.ndarray) -> np.ndarray:
    low, high = np.quantile(whole, [0.005, 0.995])
    if len(part):
        low, high = min(low, part.min()), max(high, part.max())
    return np.linspace(low, high, 41) if high > low else np.linspace(low - 0.5, low + 0.5, 41)


def _thin(where: np.ndarray) -> np.ndarray:
    return where[:: -(-len(where) // MAX_POINTS)] if len(where) > MAX_POINTS else where


def _say_empty(axes: "Axes") -> None:
    axes.text(0.5, 0.5, "no rows", ha="center", va="center", transform=axes.transAxes)
    axes.set_axis_off()
