"""What a training run found, and how the recipes compare on the same held-out rows."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np

from tshirt_assets.examples.charts import bars_svg, learning_svg
from tshirt_assets.report.pictures import picture_markdown

FILE = "result.json"
CHANGE = "Change of held-out loss (left is better)"


@dataclass(frozen=True)
class TrainingResult:
    """A model trained on one recipe's subset; losses are nats per response token.

    `before` and `after` are row means of the loss on the held-out rows, in the order of
    `held_out` (their sample ids); `steps` is the training loss of every step.
    """

    recipe: str
    method: str
    model: str
    rows: int
    tokens: int
    held_out: list[str]
    before: list[float]
    after: list[float]
    steps: list[float]

    @property
    def changes(self) -> np.ndarray:
        """Change of the loss of every held-out row, (n,); negative is better."""
        return np.array(self.after) - np.array(self.before)

    def save(self, folder: Path) -> None:
        """Write `result.json` into a folder."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `result.json` back."""
        return cls(**json.loads((folder / FILE).read_text(encoding="utf-8")))


def mean_and_error(values: np.ndarray) -> tuple[float, float]:
    """Mean of (n,) values and its standard error; nan for the error of a single value."""
    if len(values) < 2:
        return float(values.mean()), float("nan")
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))


def comparable(results: Sequence[TrainingResult]) -> list[TrainingResult]:
    """The largest group of results with one base model and the same held-out rows."""
    groups: dict[tuple[str, ...], list[TrainingResult]] = {}
    for result in results:
        groups.setdefault((result.model, *result.held_out), []).append(result)
    return max(groups.values(), key=len, default=[])


def controls(results: Sequence[TrainingResult]) -> dict[str, TrainingResult]:
    """By recipe: the result of a random recipe with as many rows, where there is one."""
    random = {result.rows: result for result in results if result.method == "random"}
    return {r.recipe: random[r.rows] for r in results if r.rows in random and r.method != "random"}


def against_random(results: Sequence[TrainingResult]) -> dict[str, tuple[float, float]]:
    """By recipe: mean over the held-out rows of its loss minus that of random, and its error.

    The rows are the same, so their differences are paired. All results must share them.
    """
    return {
        result.recipe: mean_and_error(np.array(result.after) - np.array(control.after))
        for result in results
        for control in [controls(results).get(result.recipe)]
        if control is not None
    }


def comparison_table(results: Sequence[TrainingResult]) -> str:
    """Markdown: a line per recipe, best first."""
    random = against_random(results)
    lines = [
        "| recipe | rows | response tokens | before | after | change | against random |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for result in sorted(results, key=lambda result: float(np.mean(result.after))):
        cells = [
            result.recipe,
            f"{result.rows:,}",
            f"{result.tokens:,}",
            f"{np.mean(result.before):.4f}",
            f"{np.mean(result.after):.4f}",
            _signed(mean_and_error(result.changes)),
            _signed(random[result.recipe]) if result.recipe in random else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def comparison_picture(results: Sequence[TrainingResult]) -> str:
    """Markdown image: change of the held-out loss per recipe, with standard errors over rows."""
    ordered = sorted(results, key=lambda result: float(result.changes.mean()))
    found = {result.recipe: mean_and_error(result.changes) for result in ordered}
    chart = bars_svg(
        {recipe: (mean, float(np.nan_to_num(error))) for recipe, (mean, error) in found.items()},
        controls=[result.recipe for result in ordered if result.method == "random"],
        below="nats per response token: mean and standard error over the held-out rows",
        label=CHANGE,
    )
    return picture_markdown(chart, CHANGE, {"corpus": "random"})


def learning_picture(result: TrainingResult) -> str:
    """Markdown image: training loss of every step, and the held-out loss before and after."""
    title = f"Training on {result.recipe}"
    held_out = {0: float(np.mean(result.before)), len(result.steps): float(np.mean(result.after))}
    chart = learning_svg(result.steps, held_out, title)
    return picture_markdown(chart, title, {"corpus": "training batch", "subset": "held-out rows"})


def _signed(value: tuple[float, float]) -> str:
    mean, error = value
    return f"{mean:+.4f}" + ("" if np.isnan(error) else f" ± {error:.4f}")
