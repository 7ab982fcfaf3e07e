"""What recipes must be beside one another: names, and the recipes that they name."""

import re
from collections.abc import Iterable, Mapping

from tshirt_assets.config.messages import key_text, quoted
from tshirt_assets.config.options import Recipe

LONGEST_NAME = 100  # characters: names become folders, tables and partitions
NAME_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]*"


def check_recipes(recipes: Mapping[str, Recipe], *, domains: bool) -> None:
    """Raise `ValueError` for the first fault of a corpus's recipes.

    domains: whether rows have domains, which quotas are shares of.
    """
    if not recipes:
        raise ValueError("recipes: at least one is needed")
    _check_names(recipes)
    for name, recipe in recipes.items():
        if recipe.quotas and not domains:
            raise ValueError(f"recipes.{name}.quotas: set columns.domain, the domains' column")
        for part in recipe.fuse:
            if part not in recipes:
                others = [key for key, one in recipes.items() if one.method != "fusion"]
                raise ValueError(
                    f"recipes.{name}.fuse: no recipe named {quoted(part)}; "
                    f"allowed: {', '.join(others) or 'recipes that are no fusion'}"
                )
            if recipes[part].method == "fusion":
                raise ValueError(
                    f"recipes.{name}.fuse: {part!r} is itself a fusion; name its recipes"
                )


def _check_names(names: Iterable[str]) -> None:
    """Raise `ValueError` for names that cannot be partitions, folders and files side by side."""
    seen: dict[str, str] = {}
    for name in names:
        key = key_text(["recipes", name])
        if len(name) > LONGEST_NAME:
            raise ValueError(f"{key}: longer than {LONGEST_NAME} characters; shorten it")
        if not re.fullmatch(NAME_PATTERN, name):
            raise ValueError(
                f"{key}: use letters, digits, '.', '_' and '-' only, and first a letter or digit"
            )
        other = seen.setdefault(name.lower(), name)
        if other != name:
            raise ValueError(f"{key}: differs from recipes.{other} only in case; rename one")
