"""The options of `evidence --train`, as one argument of the command."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from tshirt_assets.evidence.training.training_plan import TrainingPlan

_PLAN = TrainingPlan()
_RATES = ",".join(f"{rate:g}" for rate in _PLAN.learning_rates)


def _rates(_context: click.Context, _option: click.Parameter, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"numbers with commas between them, such as {_RATES}") from None


_OPTIONS = (
    click.option(
        "--train",
        is_flag=True,
        help="Train the target model on what every recipe selects of the rows of CORPUS itself, "
        "and on random, longest, oracle and full; compare them on rows held out from all.",
    ),
    click.option(
        "--orders",
        type=click.IntRange(min=1),
        default=_PLAN.seeds,
        show_default=True,
        help="--train: seeds, each an order of the rows.",
    ),
    click.option(
        "--learning-rates",
        default=_RATES,
        show_default=True,
        callback=_rates,
        help="--train: the best for each contestant is chosen on rows that are not compared.",
    ),
    click.option("--epochs", type=click.IntRange(min=1), default=_PLAN.epochs, show_default=True,
                 help="--train: passes over the rows."),
    click.option("--layers", type=click.IntRange(min=1), default=_PLAN.layers, show_default=True,
                 help="--train: last layers that are trained."),
    click.option("--held-out", type=click.IntRange(min=1), default=_PLAN.held_out,
                 show_default=True,
                 help="--train: rows to measure on, of all lengths and domains; at most a quarter "
                 "of the corpus."),
    click.option("--out-of-domain", type=click.Path(exists=True, dir_okay=False, path_type=Path),
                 metavar="FILE", help="--train: measure on rows of this file, too."),
    click.option("--full/--no-full", default=True, show_default=True,
                 help="--train: train on all rows as well, which takes longest."),
)  # fmt: skip


def training_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of `--train`; the command gets them as `train`: a plan, or None without the flag."""

    @wraps(command)
    def wrapped(*args: Any, train: bool, **options: Any) -> Any:
        plan = TrainingPlan(
            seeds=options.pop("orders"),
            learning_rates=options.pop("learning_rates"),
            epochs=options.pop("epochs"),
            layers=options.pop("layers"),
            held_out=options.pop("held_out"),
            outside=options.pop("out_of_domain"),
            full=options.pop("full"),
        )
        return command(*args, train=plan if train else None, **options)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped
