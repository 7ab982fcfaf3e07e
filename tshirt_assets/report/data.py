"""What a report shows, as plain values: whoever selects fills it, this package draws it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl


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
class RecipeComparison:
    """How the recipes of a corpus agree.

    overlap (n, n): share of the row's subset that the column's subset also holds. rank_correlation
    (n, n): Spearman over the rows that both rank, nan where those are fewer than three.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    overlap: np.ndarray
    rank_correlation: np.ndarray


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything one report shows; what is missing leaves its section out.

    ranking: one line per usable row: sample_id, selected, and any of score, position, excluded,
    kept_at (smallest budget in rows that keeps the row), domain, ifd, s_ifd_mean, s_ifd_std,
    miwv, n_response_tokens; as `tshirt_assets.selection.recipes.Selection` has
    it. n_rows: rows of any status. excluded: rows not selected, by reason or status. cuts: lowest
    s_ifd_mean and highest s_ifd_std selected. notes: what the reader should know first. files:
    name, rows and bytes of the exported files. config: the configuration as YAML.
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


def compare_recipes(rankings: Mapping[str, pl.DataFrame]) -> RecipeComparison:
    """Overlap and rank correlation of recipes.

    Each frame has sample_id and position (1 = first choice, may be null) and, unless all its rows
    are selected, the boolean `selected`.
    """
    names = tuple(rankings)
    chosen = [_selected_ids(frame) for frame in rankings.values()]
    n = len(names)
    overlap, correlation = np.full((n, n), np.nan), np.full((n, n), np.nan)
    for i, one in enumerate(rankings.values()):
        for j, other in enumerate(rankings.values()):
            if chosen[i]:
                overlap[i, j] = len(chosen[i] & chosen[j]) / len(chosen[i])
            if j <= i:
                correlation[i, j] = correlation[j, i] = spearman(one, other)
    return RecipeComparison(names, tuple(map(len, chosen)), overlap, correlation)


def spearman(one: pl.DataFrame, other: pl.DataFrame) -> float:
    """Spearman's rank correlation of two position columns over the samples both have."""
    pair = (
        one.select("sample_id", "position")
        .join(other.select("sample_id", second="position"), on="sample_id")
        .drop_nulls()
    )
    if pair.height < 3:
        return float("nan")
    a, b = pair["position"].rank().to_numpy(), pair["second"].rank().to_numpy()
    return float(np.corrcoef(a, b)[0, 1])


def _selected_ids(frame: pl.DataFrame) -> set[str]:
    rows = frame.filter(pl.col("selected")) if "selected" in frame.columns else frame
    return set(rows["sample_id"])
