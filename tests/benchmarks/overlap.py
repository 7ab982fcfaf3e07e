"""How much of what scope `all` selects the default (contenders only) selects, with equal noise."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import polars as pl

from tests.benchmarks.rows import KEEP_FRACTION
from tshirt_assets.config import Recipe
from tshirt_assets.corpus.status import Status
from tshirt_assets.scoring.robustness import NeighbourDeltas, RobustScore, robust_score
from tshirt_assets.scoring.sifd import s_ifd
from tshirt_assets.selection.contenders import contenders
from tshirt_assets.selection.hierarchical import hierarchical_order
from tshirt_assets.selection.threshold import threshold

SHARES = tuple(percent / 100 for percent in range(1, 11))
Clean = Mapping[str, tuple[np.ndarray, float]]  # by sample id: token deltas (T',) and IFD


def clean_frame(clean: Clean) -> tuple[pl.DataFrame, float]:
    """The columns that `contenders` wants, and tau."""
    tau = threshold(lambda: (deltas for deltas, _ in clean.values()), KEEP_FRACTION)
    scores = [s_ifd(deltas, tau) for deltas, _ in clean.values()]
    frame = pl.DataFrame(
        {
            "sample_id": list(clean),
            "status": Status.OK.value,
            "ifd": [ratio for _, ratio in clean.values()],
            "s_ifd": scores,
        }
    )
    return frame.fill_nan(None), tau


def overlaps(
    clean: Clean, noisy: Sequence[NeighbourDeltas], margins: Collection[float]
) -> list[dict[str, float]]:
    """Overlap, and how many rows were perturbed for it, per margin and share k of the rows."""
    frame, tau = clean_frame(clean)
    robust = eligible([robust_score(row, tau) for row in noisy])
    found = []
    for margin in margins:
        for share in SHARES:
            recipe = Recipe(method="tshirt", budget=share)
            near = contenders(frame, [recipe], margin=margin)
            whole, part = (
                selected(table, recipe.rows(frame.height), recipe.gamma)
                for table in (robust, robust.join(near, on="sample_id", how="semi"))
            )
            found.append(
                {
                    "margin": margin,
                    "k": share,
                    "overlap": len(whole & part) / len(whole),
                    "selected": len(whole),
                    "perturbed": near.height,
                }
            )
    return found


def eligible(scores: Sequence[RobustScore]) -> pl.DataFrame:
    """What `hierarchical_order` wants of the rows that can be selected."""
    return pl.DataFrame(
        {
            "sample_id": [score.sample_id for score in scores],
            "s_ifd_mean": [score.s_ifd_mean for score in scores],
            "s_ifd_std": [score.s_ifd_std for score in scores],
            "ifd_mean": [score.ifd_mean for score in scores],
        }
    ).filter(pl.col("s_ifd_mean").is_not_null(), pl.col("ifd_mean") < 1.0)


def selected(robust: pl.DataFrame, budget: int, gamma: float) -> set[str]:
    """The ids that T-SHIRT selects of the `eligible` rows."""
    return set(hierarchical_order(robust, budget=budget, gamma=gamma)["sample_id"][:budget])
