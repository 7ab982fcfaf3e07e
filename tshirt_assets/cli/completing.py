"""The words that a shell completes: assets, and the recipes of the corpus on the line."""

import click

from tshirt_assets.config import ConfigError, CorpusConfig
from tshirt_assets.incremental.catalog import ASSETS


def asset_names(_context: click.Context, _option: click.Parameter, begun: str) -> list[str]:
    """The assets whose names begin so, with the `+` in front if there is one."""
    plus = "+" * begun.startswith("+")
    return [f"{plus}{name}" for name in ASSETS if name.startswith(begun.removeprefix("+"))]


def recipe_names(context: click.Context, _option: click.Parameter, begun: str) -> list[str]:
    """The recipes of CORPUS whose names begin so; none as long as it cannot be read."""
    # As long as the option has no value, click leaves the argument where it was.
    corpus = next(filter(None, [context.params.get("corpus"), *context.args]), None)
    try:
        recipes = CorpusConfig.from_yaml(corpus).recipes if corpus else {}
    except (ConfigError, OSError):
        return []
    return [name for name in recipes if name.startswith(begun)]
