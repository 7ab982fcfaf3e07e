"""Infos of the tables that this process has looked at: they hold until something is written there.

A run asks for the info of every table some twenty times, and opening a table for it costs as much
as a hundred looks at its folder.
"""

import os
import threading
import time
from collections import OrderedDict
from typing import Final

from tshirt_assets.store.file_marks import facts
from tshirt_assets.store.table_info import TableInfo

HELD: Final = 1 << 14  # infos
SETTLED: Final = 0.1  # seconds in which a file could change twice at what counts as one time

Mark = tuple[str, ...]
"""Names and `file_marks.facts` of the manifests of a table: a version's has all of its info."""

_lock = threading.Lock()
_seen: OrderedDict[str, tuple[Mark, TableInfo]] = OrderedDict()  # by path, the last used last


class SeenTables:
    """What is known of the tables in a folder of this machine; nothing of those elsewhere."""

    def __init__(self, folder: str | None):
        self._folder = None if folder is None else os.path.abspath(folder)

    def mark(self, name: str) -> Mark | None:
        """The present state of a table's manifests; None where it tells nothing.

        That is where there are none, and where one may still be written to.
        """
        if self._folder is None:
            return None
        try:
            with os.scandir(f"{self._path(name)}/_versions") as entries:
                found = [(entry.name, entry.stat()) for entry in entries]
        except OSError:
            return None
        if not found or time.time() - max(stat.st_ctime for _, stat in found) < SETTLED:
            return None
        return tuple(sorted(f"{name} {facts(stat)}" for name, stat in found))

    def get(self, name: str, mark: Mark | None) -> TableInfo | None:
        """The info of a table that was kept with this mark."""
        path = self._path(name)
        with _lock:
            kept = _seen.get(path)
            if kept is None or kept[0] != mark:
                return None
            _seen.move_to_end(path)
            return kept[1]

    def keep(self, mark: Mark | None, info: TableInfo) -> None:
        """Keep the info of a table. mark: that from before it was looked at."""
        if mark is None:
            return
        with _lock:
            _seen[self._path(info.name)] = mark, info
            while len(_seen) > HELD:
                _seen.popitem(last=False)

    def _path(self, name: str) -> str:
        return f"{self._folder}/{name}.lance"
