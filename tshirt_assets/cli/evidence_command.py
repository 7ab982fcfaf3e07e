"""The command that measures what recipes buy."""

import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from functools import partial

import click

from tshirt_assets.cli.shared import AS_JSON, CORPUS, DEFINITIONS, one_line_errors, print_json
from tshirt_assets.cli.training_options import training_options
from tshirt_assets.commands.interrupts import ending_soon
from tshirt_assets.commands.terminal import say
from tshirt_assets.config import CorpusConfig
from tshirt_assets.evidence.training.training_plan import TrainingPlan


@click.command("evidence")
@CORPUS
@click.option(
    "--kinds",
    multiple=True,
    metavar="KIND",
    help="Plant this kind of corruption alone; repeat, or use commas. By default all.",
)
@click.option(
    "--rate", type=float, default=0.35, show_default=True, help="Corrupted share of the rows."
)
@click.option(
    "--rows",
    type=click.IntRange(min=10),
    default=2_000,
    show_default=True,
    help="Most rows of a copy; of more as many are drawn.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Copies to plant, with this seed and the next ones: narrower intervals at the same cost "
    "for each.",
)
@click.option("--plan", "only_plan", is_flag=True, help="Say what it would cost, and stop there.")
@DEFINITIONS
@AS_JSON
@one_line_errors
@training_options
def evidence_command(
    corpus: str,
    kinds: tuple[str, ...],
    rate: float,
    rows: int,
    seed: int,
    seeds: int,
    only_plan: bool,
    as_json: bool,
    train: TrainingPlan | None,
) -> None:
    """Measure what recipes do with corrupted rows.

    A copy of the usable rows of CORPUS gets shuffled, truncated, refused, mistranslated and edited
    responses at a stated rate, and is scored as any corpus is; stored scores of the other rows are
    reused. Says how each score ranks corrupted rows, and how many of them each recipe and each
    baseline selects, with intervals. Nothing of CORPUS itself changes. Run again to continue.

    With --train the target model is trained instead, on what every recipe selects.
    """
    if train:
        _train(corpus, train, only_plan=only_plan, as_json=as_json)
        return
    from tshirt_assets.evidence.asked import EvidenceOptions

    with ending_soon() as ending:
        from tshirt_assets.commands.instance import open_instance
        from tshirt_assets.commands.plan import plan_lines
        from tshirt_assets.commands.proving import make_evidence, plan_evidence
        from tshirt_assets.commands.run_events import cancel_runs
        from tshirt_assets.commands.text import near
        from tshirt_assets.evidence.evidence_text import evidence_lines
        from tshirt_assets.evidence.kinds import KINDS

        named = tuple(name.strip() for text in kinds for name in text.split(","))
        options = EvidenceOptions(named or tuple(KINDS), rate, rows, seed, seeds)
        config = CorpusConfig.from_yaml(corpus)
        with open_instance(config) as instance:
            ending.last = partial(cancel_runs, instance)
            with redirect_stdout(sys.stderr):  # what the runs say is not the result
                if only_plan:
                    plans = plan_evidence(instance, config, options)
                else:
                    found, folder = make_evidence(instance, config, options)
    if only_plan and as_json:
        print_json([plan.values() for plan in plans])
    elif only_plan:
        say("\n".join(line for plan in plans for line in plan_lines(plan)))
    elif as_json:
        print_json(found.values())
    else:
        say("\n".join(evidence_lines(found)))
        say(f"\nwritten  {near(folder)}")


def _train(corpus: str, plan: TrainingPlan, *, only_plan: bool, as_json: bool) -> None:
    """`evidence --train`: what trainings on the selections find, or would cost."""
    from tshirt_assets.commands.comparing import compare_trainings, plan_trainings
    from tshirt_assets.commands.instance import open_instance

    config = CorpusConfig.from_yaml(corpus)
    with open_instance(config) as instance, redirect_stdout(sys.stderr):
        if only_plan:
            cost = plan_trainings(instance, config, plan)
        else:
            found = compare_trainings(instance, config, plan)
    if only_plan and as_json:
        print_json(asdict(cost))
    elif only_plan:
        say(cost.line)
    elif as_json:
        print_json(found.values())
    else:
        say(f"\n{found.table()}")
