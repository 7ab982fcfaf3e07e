"""What a report shows, as plain values: whoever selects fills it, this package draws it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from tshirt_assets.selection.agreement import RecipeComparison


@dataclass(frozen=True, slots=True)
class ReportRow:
    """One sample with its response token by token.

    `tokens` are (text, delta in nats) pairs in order, delta None where a token has none; without
    tokens the response is shown uncoloured. `scores` are shown by name, in their order.
    """

    sample_id: str
    shard: str
    row: int
    instruction: str
    input: str
    response: str
    selected: bool
    tokens: Sequence[tuple[str, float | None]] = ()
    scores: Mapping[str, float | None] = field(default_factory=dict)
    rank: int | None = None
    domain: str | None = None
    reason: str = ""
    counterfactual: str | None = None


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything one report shows; what is missing leaves its section out.

    ranking: one line per usable row: sample_id, selected, and any of score, position, excluded,
    kept_at (smallest budget in rows that keeps the row), domain, and the score columns; as
    `tshirt_assets.selection.recipes.Selection` has it. n_rows: rows of any status. excluded: rows
    not selected, by reason or status. cuts: where the selection ends, by score. notes: what the
    reader should know first. files: name, rows and bytes of the exported files. config: the
    configuration as YAML. listed: rows for search and sort, see `report.listed.listed_rows`.
    scripts: by writing system its shares of the usable and of the selected rows. links: name and
    relative address of pages beside this one. shared_beginning: what most instructions begin with
    alike; titles and tables leave it out.
    """

    corpus: str
    recipe: str
    method: str
    n_rows: int
    ranking: pl.DataFrame
    excluded: Mapping[str, int] = field(default_factory=dict)
    best: Sequence[ReportRow] = ()
    borderline: Sequence[ReportRow] = ()
    worst: Sequence[ReportRow] = ()
    tau: float | None = None
    keep_fraction: float | None = None
    cuts: Mapping[str, float] = field(default_factory=dict)
    notes: Sequence[str] = ()
    comparison: RecipeComparison | None = None
    files: Sequence[tuple[str, int, int]] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    config: str = ""
    listed: pl.DataFrame | None = None
    scripts: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    links: Sequence[tuple[str, str]] = ()
    shared_beginning: str = ""
    created: str = ""

    @property
    def usable(self) -> int:
        """Rows that could be selected at all."""
        return self.ranking.height

    @property
    def n_selected(self) -> int:
        """Rows in the subset."""
        return int(self.ranking["selected"].sum())

    def values(self, column: str, *, selected: bool = False) -> np.ndarray:
        """Finite values (n,) of a column over all usable rows, or over the selected ones."""
        if column not in self.ranking.columns:
            return np.empty(0)
        frame = self.ranking.filter(pl.col("selected")) if selected else self.ranking
        values = frame[column].cast(pl.Float64).drop_nulls().to_numpy()
        return values[np.isfinite(values)]
