"""The command line: run a corpus headless, look at it, register shards, keep the store healthy."""

import os
import re
import sys
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from functools import partial, wraps
from typing import Any

import click

from tshirt_assets.commands.interrupts import EXIT_CODE, INTERRUPTED, ending_soon
from tshirt_assets.commands.terminal import mendable, say, show_warnings
from tshirt_assets.config import CorpusConfig
from tshirt_assets.config.source_checks import MODULE_VARIABLE
from tshirt_assets.incremental.errors import in_words_of_assets

CORPUS = click.argument("corpus", type=click.Path(exists=True, dir_okay=False))


def _name_definitions(
    _context: click.Context, _option: click.Parameter, module: str | None
) -> None:
    """Put the module where this process and its workers look for it."""
    if module:
        os.environ[MODULE_VARIABLE] = module


DEFINITIONS = click.option(
    "-m",
    "--definitions",
    expose_value=False,
    callback=_name_definitions,
    help=f"Module that defines the `source_asset` of CORPUS (or set {MODULE_VARIABLE}).",
)


def one_line_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Turn the errors a user can mend into a message and exit code 2, without a traceback.

    So is Ctrl-C a message, with the exit code that shells know it by.
    """

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except KeyboardInterrupt:
            say(INTERRUPTED, err=True)
            sys.exit(EXIT_CODE)
        except Exception as error:
            known = mendable(error)
            if known is None:
                raise
            for line in in_words_of_assets(known).splitlines():
                say(f"error: {line}", err=True)
            sys.exit(2)

    return wrapped


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tshirt-assets")
def main() -> None:
    """Curate instruction-tuning data: T-SHIRT and MIWV as Dagster assets.

    CORPUS is a corpus.yaml file; `tshirt-assets options` lists what it may contain.
    """
    show_warnings()


@main.command("validate")
@CORPUS
@one_line_errors
def validate_command(corpus: str) -> None:
    """Look at everything that can be known before a run: options, files, rows, models, folders.

    Prints one line per finding and a summary. Exits with 1 if there are errors, with 2 if CORPUS
    itself cannot be read. Writes nothing, loads no weights and reads only the first rows of files.
    """
    from tshirt_assets.commands.validate import validate, validation_lines

    found = validate(CorpusConfig.from_yaml(corpus))
    say("\n".join(validation_lines(found)))
    if any(finding.severity == "error" for finding in found):
        sys.exit(1)


@main.command("plan")
@CORPUS
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON.")
@one_line_errors
def plan_command(corpus: str, as_json: bool) -> None:
    """Say what a run would compute: rows, tokens, operations, time and disk of each asset.

    What is stored is deducted. Models are timed on a few rows, for at most 2 % of the cost; where
    nothing is missing none is loaded. The plan is kept: the UI shows it on `token_scores`. Exits
    with 1 where a run would fail.
    """
    import json

    from tshirt_assets.commands.plan import plan_corpus, plan_lines
    from tshirt_assets.models.model_files import ModelError
    from tshirt_assets.preflight.finding import PreflightError

    try:
        plan = plan_corpus(CorpusConfig.from_yaml(corpus))
    except (PreflightError, ModelError) as error:
        for line in str(error).splitlines():
            say(f"error: {line}", err=True)
        sys.exit(1)
    say(json.dumps(plan.values(), indent=2) if as_json else "\n".join(plan_lines(plan)))


@main.command()
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
@DEFINITIONS
@one_line_errors
def run(corpus: str, workers: int, queued: bool) -> None:
    """Materialize every asset of a corpus and print a summary.

    What is stored already is reused: run again to continue after a crash or with new files.
    Shows the step, its rows and speed and the time left of this step: in one line of the terminal
    or, where there is none, in a line every ten seconds. Checks that failed are listed at the end.
    Ctrl-C cancels the run, with exit code 130.
    """
    if queued and workers > 1:
        raise click.UsageError(
            "--queued leaves it to Dagster how many runs there are; drop --workers"
        )
    with ending_soon() as ending:
        from tshirt_assets.commands.instance import open_instance
        from tshirt_assets.commands.run import run_corpus
        from tshirt_assets.commands.run_events import cancel_runs
        from tshirt_assets.commands.show import summary

        config = CorpusConfig.from_yaml(corpus)
        with open_instance(config) as instance:
            ending.last = partial(cancel_runs, instance)
            success = run_corpus(instance, config, workers, queued=queued)
            say(summary(instance, config, corpus))
    if not success:
        say("error: not everything could be materialized, see the messages above", err=True)
        sys.exit(1)


@main.command()
@CORPUS
@one_line_errors
def show(corpus: str) -> None:
    """Print the state of a corpus: shards, rows by status, tau, selections, where things are.

    Says which stored scores belong to another model or configuration than CORPUS asks for.
    """
    from tshirt_assets.commands.instance import open_instance
    from tshirt_assets.commands.show import summary

    config = CorpusConfig.from_yaml(corpus)
    with open_instance(config) as instance:
        say(summary(instance, config, corpus))


@main.command()
@CORPUS
@click.option("--register", is_flag=True, help="Add new shards as partitions of the assets.")
@DEFINITIONS
@one_line_errors
def shards(corpus: str, register: bool) -> None:
    """List the shards of a corpus: registered or not, and what is stored of each."""
    from tshirt_assets.commands.instance import open_instance, register_shards
    from tshirt_assets.commands.shards import shard_table

    config = CorpusConfig.from_yaml(corpus)
    with open_instance(config) as instance:
        if register:
            new = register_shards(instance, config)
            say(f"registered {len(new)} new shards")
        say(shard_table(instance, config))


@main.command()
@click.argument("corpora", nargs=-1, type=click.Path(exists=True, dir_okay=False))
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=3001,
    show_default=True,
    help="0 takes a free one.",
)
@one_line_errors
def reports(corpora: tuple[str, ...], port: int) -> None:
    """Serve the reports to this machine's browser, for the links in the Dagster UI.

    CORPORA are corpus.yaml files; by default those that `dagster dev` shows. Set their option
    `report_url` to the printed address: a browser opens no files from a page that came over http.
    """
    from tshirt_assets.definitions import corpus_files
    from tshirt_assets.report.serve import report_server

    configs = [CorpusConfig.from_yaml(corpus) for corpus in corpora or corpus_files()]
    with report_server(configs, port) as server:
        say(f"reports: {server.url}")
        server.serve_forever()


@main.command("verify")
@CORPUS
@one_line_errors
def verify_command(corpus: str) -> None:
    """Check all that is stored of a corpus: tables, what they were made from, exports, reports.

    Prints one line per fault, with what to do about it, and exits with 1 if there is any. Reads
    every table and every exported file in whole, and changes nothing.
    """
    from tshirt_assets.commands.instance import open_instance
    from tshirt_assets.commands.verify import recorded_versions
    from tshirt_assets.commands.verify import verify as check
    from tshirt_assets.store.store import Store

    config = CorpusConfig.from_yaml(corpus)
    with open_instance(config) as instance:
        registered = instance.get_dynamic_partitions(config.name)
        recorded = recorded_versions(instance, config)
    found = check(Store(config.store, config.storage_options), config, registered, recorded)
    for fault in found.faults:
        say(str(fault))
    for note in found.notes:
        say(f"note: {note}", err=True)
    say(
        f"{len(found.faults)} faults in {found.tables:,} tables with {found.rows:,} rows "
        f"and {found.files:,} exported files; {found.bytes:,} bytes were checked"
    )
    if any(fault.remedy.startswith("materialize") for fault in found.faults):
        say(f"`tshirt-assets run {corpus}` materializes all of it again", err=True)
    if found.faults:
        sys.exit(1)


@main.command("maintain")
@CORPUS
@click.option(
    "--older-than",
    default="7d",
    show_default=True,
    callback=lambda _context, _option, text: age(text),
    help="Keep table versions younger than this (30m, 12h, 7d); longer than any run takes.",
)
@click.option(
    "--orphans",
    is_flag=True,
    help="Also drop tables of shards whose file is gone, and of recipes that were removed.",
)
@click.option("--force", is_flag=True, help="Prune also what recorded subsets were made from.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@one_line_errors
def maintain_command(
    corpus: str, older_than: timedelta, orphans: bool, force: bool, dry_run: bool
) -> None:
    """Compact the tables of a corpus and delete their old versions.

    Exits with 1, and changes nothing, when a recorded subset could no longer be re-read.
    """
    from tshirt_assets.commands.instance import forget_missing_shards, open_instance
    from tshirt_assets.incremental.retention import describe_upkeep, maintain_corpus
    from tshirt_assets.store.compaction import PinnedError
    from tshirt_assets.store.store import Store

    config = CorpusConfig.from_yaml(corpus)
    with open_instance(config) if orphans else nullcontext() as instance:
        registered = instance.get_dynamic_partitions(config.name) if instance else ()
    try:
        report = maintain_corpus(
            Store(config.store, config.storage_options),
            config,
            older_than=older_than,
            orphans=orphans,
            registered=registered,
            force=force,
            dry_run=dry_run,
        )
    except PinnedError as error:
        say(f"error: {error} (--force)", err=True)
        sys.exit(1)
    say(f"{'dry run: ' * dry_run}{describe_upkeep(report)}")
    if orphans and not dry_run:
        with open_instance(config) as instance:
            forget_missing_shards(instance, config)


def age(text: str) -> timedelta:
    """A length of time such as 30m, 12h or 7d."""
    units = {"m": "minutes", "h": "hours", "d": "days"}
    if not re.fullmatch(r"\d+(\.\d+)?[mhd]", text):
        raise click.BadParameter(f"{text!r} is not a length of time such as 30m, 12h or 7d")
    try:
        return timedelta(**{units[text[-1]]: float(text[:-1])})
    except OverflowError:
        raise click.BadParameter(f"{text!r} is longer than time goes back; write 7d") from None


@main.command("search")
@CORPUS
@click.argument("text")
@click.option(
    "-k", "rows", type=click.IntRange(min=1), default=10, show_default=True, help="Rows to show."
)
@one_line_errors
def search_command(corpus: str, text: str, rows: int) -> None:
    """Print the rows whose instruction and input are most similar to TEXT.

    Searches the table that the asset `search` published.
    """
    from tshirt_assets.commands.search import hit_lines
    from tshirt_assets.export.semantic_search import search as search_corpus

    config = CorpusConfig.from_yaml(corpus)
    found = search_corpus(
        config.store, config.name, text, rows, storage_options=config.storage_options
    )
    say(hit_lines(found))


@main.command()
def options() -> None:
    """Print every option of corpus.yaml with its default and meaning."""
    from tshirt_assets.config.reference import option_list

    say(option_list(CorpusConfig))
