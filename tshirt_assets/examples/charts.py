"""The charts of the training example, drawn like those of the report."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from tshirt_assets.report.markup import Html, el
from tshirt_assets.report.svg import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    Axis,
    axis_name,
    chart,
    segment,
    x_axis,
    y_grid,
)

NAMES: Final = 130  # where the names of bars end
BAR, STEP = 16, 26  # height of a bar, and from one to the next
MAX_STEPS: Final = 400  # drawn, evenly; more only make the picture larger


def bars_svg(
    values: Mapping[str, tuple[float, float]], controls: Sequence[str], below: str, label: str
) -> Html:
    """Horizontal bars of (value, error) by name, from 0; `controls` are drawn in grey.

    An error of 0 has no mark. `below` stands under the axis.
    """
    bottom = TOP + STEP * len(values)
    ends = [value + side * error for value, error in values.values() for side in (-1, 1)]
    low, high = min(0.0, *ends), max(0.0, *ends)
    pad = 0.03 * (high - low) or 1.0
    x = Axis(low - pad, high + pad, NAMES + 8, RIGHT)
    parts = [x_axis(x, bottom)]
    for row, (name, (value, error)) in enumerate(values.items()):
        middle = TOP + STEP * row + STEP / 2
        parts.append(axis_name(name, NAMES, middle + 4, "end"))
        parts.append(_bar(x, value, middle, "corpus" if name in controls else "subset"))
        if error:
            parts += _error(x.at(value - error), x.at(value + error), middle)
    parts.append(segment("axis", x1=x.at(0), x2=x.at(0), y1=TOP, y2=bottom))
    parts.append(axis_name(below, RIGHT, bottom + 33, "end"))
    return chart(parts, label, bottom + 40)


def learning_svg(steps: Sequence[float], held_out: Mapping[int, float], label: str) -> Html:
    """Loss of every training step, and of the held-out rows by the steps done, in nats."""
    values = [*steps, *held_out.values()]
    pad = 0.05 * (max(values) - min(values)) or 0.5
    x = Axis(0, max(len(steps), 1), LEFT, RIGHT)
    y = Axis(min(values) - pad, max(values) + pad, BOTTOM, TOP)
    trained = list(enumerate(steps, start=1))
    parts = [
        y_grid(y),
        x_axis(x),
        _curve(trained[:: -(-len(trained) // MAX_STEPS) or 1], "corpus", x, y),
        _curve(held_out.items(), "subset", x, y),
        axis_name("step →", RIGHT, HEIGHT - 3, "end"),
        axis_name("↑ nats per response token", 2, TOP - 4, "start"),
    ]
    return chart(parts, label)


def _bar(x: Axis, value: float, middle: float, kind: str) -> Html:
    left, right = sorted((x.at(0), x.at(value)))
    box = {"x": left, "y": middle - BAR / 2, "width": right - left, "height": BAR}
    return el("rect", class_=f"bar {kind}", **{name: f"{size:.1f}" for name, size in box.items()})


def _error(left: float, right: float, middle: float) -> list[Html]:
    caps = [segment("error", x1=at, x2=at, y1=middle - 4, y2=middle + 4) for at in (left, right)]
    return [segment("error", x1=left, x2=right, y1=middle, y2=middle), *caps]


def _curve(points: Iterable[tuple[float, float]], kind: str, x: Axis, y: Axis) -> Html:
    path = "L".join(f"{x.at(step)} {y.at(loss)}" for step, loss in points)
    # A single step is a dot: a line to where it is.
    return el("path", class_=f"line {kind}", d=f"M{path}h0")
