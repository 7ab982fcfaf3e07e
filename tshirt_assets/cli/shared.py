"""What the commands share: the argument CORPUS, --json, and errors without a traceback."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import click

from tshirt_assets.commands.interrupts import EXIT_CODE, INTERRUPTED
from tshirt_assets.commands.terminal import mendable, say
from tshirt_assets.config.source_checks import MODULE_VARIABLE
from tshirt_assets.incremental.errors import in_words_of_assets

CORPUS = click.argument("corpus", type=click.Path(exists=True, dir_okay=False))


def _name_definitions(context: click.Context, _option: click.Parameter, module: str | None) -> None:
    """Put the module where this process and its workers look for it, while the command runs."""
    if module:
        context.with_resource(_in_environment(module))


@contextmanager
def _in_environment(module: str) -> Iterator[None]:
    before = os.environ.get(MODULE_VARIABLE)
    os.environ[MODULE_VARIABLE] = module
    try:
        yield
    finally:
        del os.environ[MODULE_VARIABLE]
        if before is not None:
            os.environ[MODULE_VARIABLE] = before


DEFINITIONS = click.option(
    "-m",
    "--definitions",
    expose_value=False,
    callback=_name_definitions,
    help=f"Module that defines the `source_asset` of CORPUS (or set {MODULE_VARIABLE}).",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def print_json(value: Any) -> None:
    """Print a value as JSON, for other programs; what JSON cannot hold as its text."""
    say(json.dumps(value, indent=2, ensure_ascii=False, default=str))


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
