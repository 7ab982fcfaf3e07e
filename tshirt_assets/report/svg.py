"""Charts as inline SVG: crisp, coloured by the page's style sheet in light and dark mode."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tshirt_assets.report.markup import Html, el, join
from tshirt_assets.report.numbers import number, tick

WIDTH: Final = 400
HEIGHT: Final = 232
LEFT, RIGHT, TOP, BOTTOM = 40, 380, 26, 186  # of the plot area
N_BINS: Final = 36
MAX_POINTS: Final = 2_500
FEW_POINTS: Final = 300  # larger dots
FENCE: Final = 4.0  # interquartile ranges from the middle half to where a chart ends at most


@dataclass(frozen=True, slots=True)
class Axis:
    """Maps values from `low` to `high` to pixels, linearly or by their logarithm."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """Pixel of a value, clipped to the axis."""
        low, high, here = (self._scaled(v) for v in (self.low, self.high, value))
        share = (here - low) / (high - low)
        return round(self.start + (self.end - self.start) * min(1.0, max(0.0, share)), 1)

    def points(self, values: np.ndarray) -> list[float]:
        """`at` of many values (n,)."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        scaled = np.log(np.maximum(values, 1e-12)) if self.log else values
        share = np.clip((scaled - low) / (high - low), 0.0, 1.0)
        return np.round(self.start + (self.end - self.start) * share, 1).tolist()

    def bins(self) -> np.ndarray:
        """Edges (N_BINS + 1,) of bins of equal width on the page."""
        if self.log:
            return np.geomspace(self.low, self.high, N_BINS + 1)
        return np.linspace(self.low, self.high, N_BINS + 1)

    def ticks(self, about: int = 5) -> list[tuple[float, str]]:
        """Round values and their names, about `about` of them."""
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            steps = (1, 3) if len(decades) > 2 else (1, 2, 5)
            values = [step * 10.0**decade for decade in decades for step in steps]
            return [(v, number(v)) for v in values if self.low <= v <= self.high]
        rough = (self.high - self.low) / about
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough)
        multiples = range(math.ceil(self.low / step), math.floor(self.high / step) + 1)
        return [(k * step, tick(k * step, step)) for k in multiples]

    def _scaled(self, value: float) -> float:
        return math.log(max(value, 1e-12)) if self.log else value


def histogram_svg(
    corpus: np.ndarray,
    subset: np.ndarray,
    label: str,
    *,
    threshold: float | None = None,
    threshold_label: str = "",
    log: bool = False,
    x_name: str = "",
) -> Html:
    """Corpus (n,) and subset (m,) as shares of their own rows, without far outliers."""
    x = _value_axis(corpus, subset, threshold, log=log)
    edges = x.bins()
    shares = [_shares(values, edges) for values in (corpus, subset)]
    y = Axis(0, max(1.0, *(s.max(initial=0) for s in shares)) * 1.05, BOTTOM, TOP)
    parts = [y_grid(y, " %"), x_axis(x)]
    for share, name in zip(shares, ("corpus", "subset"), strict=True):
        if share.any():
            parts.append(el("path", class_=f"area {name}", d=_steps(edges, share, x, y)))
    if threshold is not None:
        parts.append(_vertical(x.at(threshold), threshold_label))
    if x_name:
        parts.append(axis_name(f"{x_name} →", RIGHT, HEIGHT - 6, "end"))
        parts.append(axis_name("↑ share of rows", 2, TOP - 14, "start"))
    return chart(parts, label)


def plane_svg(
    mean: np.ndarray,
    std: np.ndarray,
    selected: np.ndarray,
    label: str,
    *,
    mean_cut: float | None = None,
    std_cut: float | None = None,
    max_points: int = MAX_POINTS,
) -> Html:
    """Robust mean (n,) against robust std (n,); the shaded corner is what the cuts select.

    Of more than `max_points` rows of one colour an even part is drawn.
    """
    x = _value_axis(mean, mean[selected], None)
    y_low, y_high = value_range(std, std[selected])
    y = Axis(y_low, y_high, BOTTOM, TOP)
    parts = [y_grid(y), x_axis(x)]
    if mean_cut is not None and std_cut is not None:
        left, top = x.at(mean_cut), y.at(std_cut)
        corner = {"x": left, "y": top, "width": RIGHT - left, "height": BOTTOM - top}
        parts.append(el("rect", class_="corner", **{k: f"{v:.1f}" for k, v in corner.items()}))
        parts.append(segment("cut", x1=left, x2=left, y1=TOP, y2=BOTTOM))
        parts.append(segment("cut", x1=LEFT, x2=RIGHT, y1=top, y2=top))
    for mask, name in ((~selected, "corpus"), (selected, "subset")):
        drawn = _thinned(np.flatnonzero(mask), max_points)
        places = zip(x.points(mean[drawn]), y.points(std[drawn]), strict=True)
        dots = [f"M{across} {up}h0" for across, up in places]
        few = " few" if len(dots) < FEW_POINTS else ""
        parts.append(el("path", class_=f"dots {name}{few}", d="".join(dots)))
    parts.append(axis_name("S-IFD mean →", RIGHT, HEIGHT - 6, "end"))
    parts.append(axis_name("↑ S-IFD std", 2, TOP - 14, "start"))
    return chart(parts, label)


def chart(parts: Sequence[Html], label: str, height: int = HEIGHT) -> Html:
    """A chart of the given parts, `WIDTH` by `height` pixels; `label` is its text alternative."""
    return el(
        "svg", *parts, viewBox=f"0 0 {WIDTH} {height}", role="img", aria_label=label, class_="chart"
    )


def value_range(corpus: np.ndarray, subset: np.ndarray) -> tuple[float, float]:
    """Where a chart of finite values (n,) and (m,) begins and ends: without far outliers."""
    low, high = 0.0, 1.0
    if len(corpus):
        cuts = np.quantile(corpus, [0.005, 0.25, 0.75, 0.995])
        low, first, third, high = (float(cut) for cut in cuts)
        if third > first:  # a few far outliers would squeeze everything else into one bar
            reach = FENCE * (third - first)
            low, high = max(low, first - reach), min(high, third + reach)
    if len(subset):
        part = np.quantile(subset, [0.005, 0.995])
        low, high = min(low, float(part[0])), max(high, float(part[1]))
    if high - low < 1e-9 * max(1.0, abs(high)):
        low, high = low - 0.5, high + 0.5
    return low, high


def _value_axis(
    corpus: np.ndarray, subset: np.ndarray, threshold: float | None, *, log: bool = False
) -> Axis:
    low, high = value_range(corpus, subset)
    if threshold is not None and not log:
        low, high = min(low, threshold), max(high, threshold)
    if log:
        low, high = max(low, 1.0), max(high, 2.0)
    else:
        pad = 0.02 * (high - low)
        low, high = low - pad, high + pad
    return Axis(low, high, LEFT, RIGHT, log)


def _shares(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Per cent of the values in each bin; what lies outside counts in the outermost ones."""
    inside = np.clip(values, edges[0], edges[-1])
    return 100 * np.histogram(inside, edges)[0] / max(1, len(values))


def _steps(edges: np.ndarray, shares: np.ndarray, x: Axis, y: Axis) -> str:
    path = [f"M{x.at(edges[0])} {y.at(0)}"]
    for share, right in zip(shares, edges[1:], strict=True):
        path.append(f"V{y.at(share)}H{x.at(right)}")
    return "".join(path) + f"V{y.at(0)}z"


def y_grid(y: Axis, unit: str = "") -> Html:
    """Horizontal lines at round values, and the values to the left of them."""
    parts = []
    for value, name in y.ticks(4):
        at = y.at(value)
        parts += [
            segment("grid", x1=LEFT, x2=RIGHT, y1=at, y2=at),
            axis_name(name + unit, LEFT - 6, at + 4, "end"),
        ]
    return join(*parts)


def x_axis(x: Axis, bottom: int = BOTTOM) -> Html:
    """The horizontal axis, with round values below it."""
    names = [axis_name(name, x.at(value), bottom + 16, "middle") for value, name in x.ticks()]
    return join(segment("axis", x1=x.start, x2=x.end, y1=bottom, y2=bottom), *names)


def segment(name: str, **ends: float) -> Html:
    """A straight line of the class `name`: x1, x2, y1, y2 in pixels."""
    return el("line", class_=name, **{key: f"{value:g}" for key, value in ends.items()})


def axis_name(name: str, x: float, y: float, anchor: str) -> Html:
    """Text of a chart; `anchor` says which end of it is at x."""
    return el("text", name, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor)


def _vertical(at: float, name: str) -> Html:
    cut = segment("cut", x1=at, x2=at, y1=TOP, y2=BOTTOM)
    return join(cut, axis_name(name, min(at, RIGHT - 30), TOP - 4, "middle"))


def _thinned(where: np.ndarray, most: int) -> np.ndarray:
    return where[:: -(-len(where) // most)] if len(where) > most else where
