"""Which tables a corpus has and whether they have changed, at the cost of a look at folders."""

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from tshirt_assets.selection.scores import OTHERS
from tshirt_assets.store.store import Store

SHOWN: Final = ("samples", "token_scores", "robust_scores", "contenders", *OTHERS)
"""The tables whose columns the browser shows."""
PATIENCE: Final = 10.0  # seconds between two looks at a store elsewhere


class Marks:
    """A mark for every table of a corpus; it is another one when the table is.

    On this machine that is when a version was last written; elsewhere it is the version itself,
    looked up at most every `PATIENCE` seconds.
    """

    def __init__(self, store: Store, corpus: str) -> None:
        self._store, self._prefix = store, f"{corpus}."
        self._seen: dict[str, int] = {}
        self._looked = float("-inf")

    def __call__(self, *assets: str) -> Mapping[str, int]:
        """The marks of the tables of these assets, by stored name."""
        return {name: mark for name, mark in self._all().items() if _asset(name) in assets}

    def _all(self) -> dict[str, int]:
        database = self._store.database
        if database.is_local:
            return _written(Path(database.uri), self._prefix)
        if time.monotonic() - self._looked > PATIENCE:
            corpus = self._prefix.removesuffix(".")
            self._seen = {info.name: info.version for info in self._store.stored(corpus)}
            self._looked = time.monotonic()
        return self._seen


def _asset(name: str) -> str:
    return name.split(".")[1]


def _written(folder: Path, prefix: str) -> dict[str, int]:
    found = {}
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(prefix) and entry.name.endswith(".lance"):
                with suppress(OSError):  # dropped while we look, or not complete yet
                    written = os.stat(os.path.join(entry.path, "_versions")).st_mtime_ns
                    found[entry.name.removesuffix(".lance")] = written
    return found
