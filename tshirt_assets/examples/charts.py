"""The charts of the training example, drawn like those of the report."""

from collections.abc import Mapping, Sequence
from typing import Final

from tshirt_assets.report.markup import Html, el
from tshirt_assets.report.svg import BOTTOM, LEFT, RIGHT, TOP, WIDTH, Axis

NAMES: Final = 130  # where the names of bars end
BAR, STEP = 12, 24  # height of a bar, and from one to the next
MARGIN: Final = 1.08  # of the largest value, so that no bar touches the edge


def bars_svg(
    values: Mapping[str, tuple[float, float]], controls: Sequence[str], axis_name: str, label: str
) -> Html:
    """Horizontal bars of (value, error) by name, from 0; `controls` are drawn in grey."""
    bottom = TOP + STEP * len(values)
    reach = [value + side * error for value, error in values.values() for side in (-1, 1)]
    low, high = min(0.0, *reach), max(0.0, *reach)
    x = Axis(MARGIN * low, MARGIN * high if high > low else 1.0, NAMES + 8, RIGHT)
    parts = [_line("cut", x.at(0), x.at(0), TOP - 4, bottom)]
    for row, (name, (value, error)) in enumerate(values.items()):
        middle = TOP + STEP * row + STEP / 2
        ends = sorted((x.at(0), x.at(value)))
        parts += [
            el("text", name, x=str(NAMES), y=f"{middle + 4:g}", text_anchor="end"),
            el(
                "rect",
                class_="bar corpus" if name in controls else "bar subset",
                x=f"{ends[0]:g}",
                y=f"{middle - BAR / 2:g}",
                width=f"{ends[1] - ends[0]:g}",
                height=str(BAR),
            ),
            _line("axis", x.at(value - error), x.at(value + error), middle, middle),
        ]
    return _chart([*parts, *_ticks(x, bottom, axis_name)], bottom + 36, label)


def learning_svg(steps: Sequence[float], held_out: Mapping[int, float], label: str) -> Html:
    """Loss of every training step, and of the held-out rows by the steps done, in nats."""
    values = [*steps, *held_out.values()]
    x = Axis(0, max(len(steps), 1), LEFT, RIGHT)
    y = Axis(0, MARGIN * max(values), BOTTOM, TOP)
    marks = [
        el("text", name, x=str(LEFT - 6), y=f"{y.at(value) + 4:g}", text_anchor="end")
        for value, name in y.ticks(4)
    ]
    trained = dict(enumerate(steps, start=1))
    lines = [_curve(trained, "corpus", x, y), _curve(held_out, "subset", x, y)]
    return _chart([*marks, *lines, *_ticks(x, BOTTOM, "step")], BOTTOM + 36, label)


def _curve(values: Mapping[int, float], name: str, x: Axis, y: Axis) -> Html:
    points = "L".join(f"{x.at(step)} {y.at(value)}" for step, value in values.items())
    return el("path", class_=f"line {name}", d=f"M{points}")


def _ticks(x: Axis, bottom: float, axis_name: str) -> list[Html]:
    marks = [
        el("text", name, x=f"{x.at(value):g}", y=f"{bottom + 16:g}", text_anchor="middle")
        for value, name in x.ticks()
    ]
    title = el("text", axis_name, x=str(RIGHT), y=f"{bottom + 31:g}", text_anchor="end")
    return [_line("axis", x.start, x.end, bottom, bottom), *marks, title]


def _line(name: str, x1: float, x2: float, y1: float, y2: float) -> Html:
    return el("line", class_=name, x1=f"{x1:g}", x2=f"{x2:g}", y1=f"{y1:g}", y2=f"{y2:g}")


def _chart(parts: Sequence[Html], height: float, label: str) -> Html:
    return el("svg", *parts, viewBox=f"0 0 {WIDTH} {height:g}", role="img", aria_label=label)
