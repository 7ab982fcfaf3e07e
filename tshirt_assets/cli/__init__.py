"""The command line: run a corpus headless, look at it, keep its store healthy."""

import atexit
import gc

import click

from tshirt_assets.cli.evidence_command import evidence_command
from tshirt_assets.cli.keeping import judge_command, maintain_command, verify_command
from tshirt_assets.cli.looking import (
    completion,
    explore,
    options,
    reports,
    search_command,
    shards,
    show,
)
from tshirt_assets.cli.making import init, plan, push_command, run, validate_command
from tshirt_assets.cli.sections import Sections
from tshirt_assets.commands.terminal import show_warnings

__all__ = ["main", "run"]


EXIT_CODES = """\b
Exit codes:
  0    done; of verify and validate: nothing is wrong
  1    something failed, or a check found a fault: the messages say what
  2    CORPUS, an option or a model cannot be used as it is: nothing was begun
  130  interrupted; what was stored stays, run again to continue
"""


@click.group(
    cls=Sections, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EXIT_CODES
)
@click.version_option(package_name="tshirt-assets")
def main() -> None:
    """Curate instruction-tuning data: T-SHIRT and MIWV as Dagster assets.

    CORPUS is a corpus.yaml file; `tshirt-assets options` lists what it may contain.
    """
    show_warnings()
    atexit.register(gc.freeze)  # or Python looks through all that was imported, for 1.5 seconds


main.add_section("Making", init, validate_command, plan, run, push_command)
main.add_section("Looking", show, explore, reports, search_command, shards, evidence_command)
main.add_section("Keeping", judge_command, verify_command, maintain_command)
main.add_section("Helping", options, completion)
