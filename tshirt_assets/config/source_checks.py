"""Where the rows of a corpus come from: files or an asset, and only one of the two."""

from collections.abc import Mapping
from typing import Any, Final

KEY_PATTERN: Final = r"^[^/\s]+(/[^/\s]+)*$"
"""Of an asset key as Dagster writes it: its parts with slashes between them."""

MODULE_VARIABLE: Final = "TSHIRT_ASSETS_DEFINITIONS"
"""Environment variable that names the module in which the asset is defined, for the command line
and its workers, which inherit it."""


def one_source(paths: Any, others: Mapping[str, Any]) -> bool:
    """Whether `paths` are given; `others` are the options that were valid in front of them.

    Raises `ValueError` where there is no source at all, and where there are two.
    """
    asset = others.get("source_asset")
    if paths == ():  # not given: a list that is empty has a message of its own
        if asset is None and "source_asset" in others:
            raise ValueError(
                "Field required: a list of files or globs, such as [raw/*.jsonl]; or set "
                "`source_asset` to the key of an asset of yours that holds the rows"
            )
        return False
    if asset is not None:
        raise ValueError(f"the rows come from `source_asset` ({asset}); leave one of the two out")
    return True
