"""The commands that keep a store healthy."""

import re
import sys
from contextlib import nullcontext
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tshirt_assets.cli.shared import AS_JSON, CORPUS, one_line_errors, print_json
from tshirt_assets.commands.terminal import say
from tshirt_assets.config import CorpusConfig

if TYPE_CHECKING:
    from tshirt_assets.incremental.findings import Verification


@click.command("verify")
@CORPUS
@AS_JSON
@one_line_errors
def verify_command(corpus: str, as_json: bool) -> None:
    """Check that all that is stored of a corpus is sound.

    Tables, what they were made from, exports and reports; of the copies that evidence planted, the
    tables. Prints one line per fault, with what to do about it, and exits with 1 if there is any.
    Reads every table and every exported file in whole, and changes nothing.
    """
    from tshirt_assets.commands.instance import open_instance
    from tshirt_assets.commands.text import pasted
    from tshirt_assets.commands.verify import recorded_versions
    from tshirt_assets.commands.verify import verify as check
    from tshirt_assets.store.store import Store

    config = CorpusConfig.from_yaml(corpus)
    with open_instance(config) as instance:
        registered = instance.get_dynamic_partitions(config.name)
        recorded = recorded_versions(instance, config)
    found = check(Store(config.store, config.storage_options), config, registered, recorded)
    if as_json:
        print_json(asdict(found))
    else:
        _say_found(found)
    if any(fault.remedy.startswith("materialize") for fault in found.faults):
        say(f"`tshirt-assets run {pasted(corpus)}` materializes all of it again", err=True)
    if found.faults:
        sys.exit(1)


def _say_found(found: "Verification") -> None:
    for fault in found.faults:
        say(str(fault))
    for note in found.notes:
        say(f"note: {note}", err=True)
    say(
        f"{len(found.faults)} faults in {found.tables:,} tables with {found.rows:,} rows "
        f"and {found.files:,} exported files; {found.bytes:,} bytes were checked"
    )


@click.command("maintain")
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
    help="Also drop tables of shards whose file is gone, of recipes that were removed, and the "
    "planted copies that evidence made of rows that are gone.",
)
@click.option("--force", is_flag=True, help="Prune also what recorded subsets were made from.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@one_line_errors
def maintain_command(
    corpus: str, older_than: timedelta, orphans: bool, force: bool, dry_run: bool
) -> None:
    """Compact tables and delete their old versions.

    The tables of copies that evidence planted are kept up, too. Exits with 1, and changes nothing,
    when a recorded subset could no longer be re-read.
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


@click.command("judge")
@CORPUS
@click.option(
    "--import",
    "source",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Record what a CSV or JSONL file says of rows.",
)
@click.option(
    "--export",
    "target",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write what was said last of each row to a CSV or JSONL file.",
)
@click.option("--as", "who", default="", metavar="NAME", help="Who judges; by default the user.")
@AS_JSON
@one_line_errors
def judge_command(
    corpus: str, source: Path | None, target: Path | None, who: str, as_json: bool
) -> None:
    """Keep, drop or mark rows by hand, from a file or to one.

    Without a file it says how many rows are judged. A line has sample_id (or shard and row) and
    verdict (keep or drop), label or note. A kept row is in every selection, a dropped one in none,
    but for recipes with `judgements: ignore`; the next run selects by it. Lines that are no
    judgement are listed, with exit code 1; the others count.
    """
    from tshirt_assets.commands.instance import open_instance
    from tshirt_assets.commands.judge import count_lines, judge_from_file
    from tshirt_assets.incremental.judgement_counts import judgement_counts
    from tshirt_assets.incremental.judgement_files import export_judgements
    from tshirt_assets.store.store import Store

    config = CorpusConfig.from_yaml(corpus)
    store = Store(config.store, config.storage_options)
    with open_instance(config) as instance:
        found = judge_from_file(instance, config, source, who) if source else None
        counts = judgement_counts(store, config.name, instance.get_dynamic_partitions(config.name))
    for fault in found.faults if found else ():
        say(f"error: {fault}", err=True)
    if found:
        say(f"{found.recorded:,} new judgements in {found.lines:,} lines", err=as_json)
    if target:
        say(f"{target}: {export_judgements(store, config.name, target):,} rows", err=as_json)
    if as_json:
        print_json(asdict(counts) if counts else {})
    else:
        say("\n".join(count_lines(counts)) or "nobody has judged a row yet")
    if found and found.faults:
        sys.exit(1)


def age(text: str) -> timedelta:
    """A length of time such as 30m, 12h or 7d."""
    units = {"m": "minutes", "h": "hours", "d": "days"}
    if not re.fullmatch(r"\d+(\.\d+)?[mhd]", text):
        raise click.BadParameter(f"{text!r} is not a length of time such as 30m, 12h or 7d")
    try:
        return timedelta(**{units[text[-1]]: float(text[:-1])})
    except OverflowError:
        raise click.BadParameter(f"{text!r} is longer than time goes back; write 7d") from None
