"""A planted copy with its scores, and what every rule selects from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from tshirt_assets.config import CorpusConfig
from tshirt_assets.evidence.asked import SHARES
from tshirt_assets.evidence.baselines import baselines
from tshirt_assets.evidence.evidence_error import EvidenceError
from tshirt_assets.evidence.planted_copy import PlantedCopy
from tshirt_assets.evidence.score_frame import COLUMNS, score_frame
from tshirt_assets.incremental.corpus_scores import CorpusScores
from tshirt_assets.selection.methods import METHODS

if TYPE_CHECKING:
    from tshirt_assets.models.embedder import LoadedEmbedder

GAMMA = 2.0  # of the pool, where no recipe has one


@dataclass(frozen=True)
class ScoredCopy:
    """The usable rows of a copy with `source`, `kind` and all scores, sorted by sample_id, and the
    sample ids that each rule selects at each share: of a rule that draws lots, a list per draw."""

    copy: PlantedCopy
    frame: pl.DataFrame
    picks: Mapping[str, Mapping[float, list[list[str]]]]


def scored_copy(copy: PlantedCopy, scores: CorpusScores, embedder: "LoadedEmbedder") -> ScoredCopy:
    """Read the scores of a copy that a run has made, and select by every rule.

    Raises `EvidenceError` where a stored score is no number, and `UpstreamError` where scores are
    missing.
    """
    frame = score_frame(scores, embedder).join(copy.who, on="row", how="inner")
    refuse_no_numbers(frame, copy.config.name)
    picks: dict[str, dict[float, list[list[str]]]] = {
        rule: {
            share: [scores.selection(name).frame["sample_id"].to_list()]
            for share, name in names.items()
        }
        for rule, names in copy.selections.items()
    }
    for share in SHARES:
        budget = min(frame.height, max(1, round(share * frame.height)))
        for pick in baselines(frame, budget, gamma=pool_gamma(copy.config), seed=0):
            picks.setdefault(pick.rule, {}).setdefault(share, []).append(pick.sample_ids)
    return ScoredCopy(copy, frame.sort("sample_id"), picks)


def pool_gamma(config: CorpusConfig) -> float:
    """Rows of T-SHIRT's pool for each row that is selected, by the first recipe that has one."""
    gammas = (r.gamma for r in config.recipes.values() if METHODS[r.method].by_robustness)
    return next(gammas, GAMMA)


def refuse_no_numbers(frame: pl.DataFrame, corpus: str) -> None:
    """Raise `EvidenceError` for a score that is neither null nor a finite number."""
    for column in COLUMNS:
        strange = frame.filter(pl.col(column).is_not_null() & ~pl.col(column).is_finite())
        if strange.height:
            raise EvidenceError(
                f"{column} of {strange.height} rows of {corpus!r} is no finite number (first: "
                f"sample {strange['sample_id'][0]}); `tshirt-assets verify` says which table is "
                "damaged; materialize it again"
            )
