"""The commands that lead to a curated corpus and out of it: look, plan, run, push."""

import sys
from functools import partial
from pathlib import Path

import click

from tshirt_assets.cli.completing import asset_names, recipe_names
from tshirt_assets.cli.shared import AS_JSON, CORPUS, DEFINITIONS, one_line_errors, print_json
from tshirt_assets.commands.interrupts import ending_soon
from tshirt_assets.commands.terminal import say
from tshirt_assets.config import CorpusConfig


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default="corpus.yaml",
    show_default=True,
    help="The file to write.",
)
@click.option("--name", help="Name of the corpus; by default that of the folder of its files.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@one_line_errors
def init(paths: tuple[str, ...], output: Path, name: str | None, force: bool) -> None:
    """Write a corpus.yaml to start from, after a look at your files.

    PATHS are files, folders or (in quotes) globs. Says what their rows look like, and which columns
    hold instruction, response and domain where they do not have the usual names. Every option
    stands there with its meaning and default. Exits with 1 where no row seen can be used.
    """
    from tshirt_assets.commands.init import init_corpus, seen_lines
    from tshirt_assets.commands.text import pasted

    seen = init_corpus(paths, output, name, force=force)
    say("\n".join(seen_lines(seen)))
    say(f"written: {output}; next: tshirt-assets validate {pasted(output)}")
    if not seen.usable:
        say("error: no row seen can be used; set `columns` and `format`", err=True)
        sys.exit(1)


@click.command("validate")
@CORPUS
@one_line_errors
def validate_command(corpus: str) -> None:
    """Say what is wrong before anything is paid for.

    Looks at options, files, rows, models and folders. Prints one line per finding and a summary.
    Exits with 1 if there are errors, with 2 if CORPUS itself cannot be read. Writes nothing, loads
    no weights and reads only the first rows of files.
    """
    from tshirt_assets.commands.validate import validate, validation_lines

    found = validate(CorpusConfig.from_yaml(corpus))
    say("\n".join(validation_lines(found)))
    if any(finding.severity == "error" for finding in found):
        sys.exit(1)


@click.command()
@CORPUS
@AS_JSON
@one_line_errors
def plan(corpus: str, as_json: bool) -> None:
    """Say what a run would compute, and what it takes.

    Rows, tokens, operations, time and disk of each asset. What is stored is deducted. Models are
    timed on a few rows, for at most 2 % of the cost; where nothing is missing none is loaded. The
    plan is kept: the UI shows it on `token_scores`. Exits with 1 where a run would fail.
    """
    from tshirt_assets.commands.plan import plan_corpus, plan_lines
    from tshirt_assets.models.model_files import ModelError
    from tshirt_assets.preflight.finding import PreflightError

    try:
        made = plan_corpus(CorpusConfig.from_yaml(corpus))
    except (PreflightError, ModelError) as error:
        for line in str(error).splitlines():
            say(f"error: {line}", err=True)
        sys.exit(1)
    if as_json:
        print_json(made.values())
    else:
        say("\n".join(plan_lines(made)))


@click.command()
@CORPUS
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes that share the shards, each with models, and a GPU, of its own.",
)
@click.option(
    "--queued",
    is_flag=True,
    help="Leave the work to the queue of the Dagster that runs on DAGSTER_HOME, and wait for it.",
)
@click.option(
    "--select",
    "assets",
    multiple=True,
    metavar="ASSET",
    shell_complete=asset_names,
    help="Make this asset alone; +ASSET: and all that it is made from. Repeat, or use commas.",
)
@click.option(
    "--recipe",
    "recipes",
    multiple=True,
    shell_complete=recipe_names,
    help="Select by this recipe alone, and score what it needs. Repeat for several.",
)
@DEFINITIONS
@one_line_errors
def run(
    corpus: str, workers: int, queued: bool, assets: tuple[str, ...], recipes: tuple[str, ...]
) -> None:
    """Score and select: all that a corpus needs, or a part of it.

    Materializes the assets and prints a summary. What is stored already is reused: run again to
    continue after a crash or with new files. Shows the step, its rows and speed and the time left
    of this step: in one line of the terminal or, where there is none, in a line every ten seconds.
    Checks that failed are listed at the end. Ctrl-C cancels the run, with exit code 130.
    """
    if queued and workers > 1:
        raise click.UsageError(
            "--queued leaves it to Dagster how many runs there are; drop --workers"
        )
    with ending_soon() as ending:
        if workers > 1:
            from tshirt_assets.commands.worker_template import begin_imports

            begin_imports()
        from tshirt_assets.commands.instance import open_instance
        from tshirt_assets.commands.run import run_corpus
        from tshirt_assets.commands.run_events import cancel_runs
        from tshirt_assets.commands.show import summary
        from tshirt_assets.orchestration.chosen import Chosen

        config = CorpusConfig.from_yaml(corpus)
        chosen = Chosen.of(config, assets, recipes)
        with open_instance(config) as instance:
            ending.last = partial(cancel_runs, instance)
            success = run_corpus(instance, config, workers, queued=queued, chosen=chosen)
            say(summary(instance, config, corpus), names=config.recipes)
    if not success:
        say("error: not everything could be materialized, see the messages above", err=True)
        sys.exit(1)


@click.command("push")
@CORPUS
@click.argument(
    "recipes", metavar="RECIPE...", nargs=-1, required=True, shell_complete=recipe_names
)
@click.argument("repo", metavar="OWNER/NAME")
@click.option("--private", is_flag=True, help="Create the repository so that nobody else sees it.")
@one_line_errors
def push_command(corpus: str, recipes: tuple[str, ...], repo: str, private: bool) -> None:
    """Upload selections to the Hugging Face Hub.

    What is uploaded are the exports of recipes, to a dataset repository. One recipe fills the
    repository; several have a folder and a configuration each. The token is read from the
    environment variable HF_TOKEN.
    """
    from tshirt_assets.export.hub import push_subsets

    say(push_subsets(CorpusConfig.from_yaml(corpus), recipes, repo, private=private))
