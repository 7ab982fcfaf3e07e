"""One state of a corpus as the page sees it: rows, recipes, map and verdicts side by side."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import polars as pl

from tshirt_assets.explore.choices import Choice
from tshirt_assets.explore.projection import EmbeddingMap
from tshirt_assets.explore.query import Query, matching, sorted_places
from tshirt_assets.explore.snapshot import Snapshot

KEPT: Final = 8  # masks and orders, each 1 to 4 bytes a row


@dataclass(frozen=True)
class View:
    """What the page can ask for.

    version: another one whenever something shown has changed. frame: the columns of the snapshot
    and, once they are made, those of the recipes, the map (map_x, map_y) and the verdicts
    (verdict, label, note). choices: by recipe, or why it has none; recipes still to come are
    missing.
    """

    version: int
    snapshot: Snapshot
    frame: pl.DataFrame
    choices: Mapping[str, Choice | str]
    map: EmbeddingMap | None
    _kept: OrderedDict[object, np.ndarray] = field(default_factory=OrderedDict)

    def places(
        self, query: Query, text: np.ndarray | None = None, meaning: np.ndarray | None = None
    ) -> np.ndarray:
        """The places of the rows a query is for, in its order; all its pages.

        text: mask (n,) of the rows found by letters. meaning: places of those found by meaning,
        most similar first.
        """
        mask = self._remember(query.filter, lambda: matching(self.frame, query.filter))
        if text is not None:
            mask = mask & text
        if query.sort is None:
            order = np.arange(self.frame.height, dtype=np.uint32) if meaning is None else meaning
            return order[mask[order]]
        if meaning is not None:
            mask = mask & np.isin(np.arange(len(mask)), meaning)
        column, descending = query.sort, query.descending
        order = self._remember(
            (column, descending),
            lambda: sorted_places(self.frame, column, descending=descending),
        )
        return order[mask[order]]

    def place_of(self, sample_id: str, at: str = "") -> int | None:
        """The place of a row with this content: `at` if it is one, the first usable one, or any."""
        ids = self.frame["sample_id"]
        if at.isdecimal() and int(at) < len(ids) and ids[int(at)] == sample_id:
            return int(at)
        found = self.frame.lazy().with_row_index("at").filter(pl.col("sample_id") == sample_id)
        lines = found.select("at", usable=pl.col("status").cast(pl.String) == "ok").collect()
        if lines.is_empty():
            return None
        return int(lines.sort("usable", descending=True, maintain_order=True)["at"][0])

    def _remember(self, key: object, make: Callable[[], np.ndarray]) -> np.ndarray:
        if key not in self._kept:
            self._kept[key] = make()
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[key]
