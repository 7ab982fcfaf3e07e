"""Recipes with method=reference against the published procedure, written out in plain loops.

As published: tau is the quantile (linear interpolation) of abs(delta) over all tokens of all noisy
copies of all rows; tokens strictly above it count; rows with a mean noisy IFD of 1 or more are out;
of the 2b highest mean S-IFD the b of lowest std are taken. The official code draws 31 copies and
uses the first 30; ours draws the 30 it uses, each from a key of its own, so nothing is dropped.
Two departures are deliberate: ties break by sample id instead of by heap order, and a copy without
an informative token has no score, where exp(0) = 1 would make such rows the best of all.
"""

import json
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tshirt_assets.config import Recipe
from tshirt_assets.corpus.status import Status
from tshirt_assets.scoring.robustness import NeighbourDeltas, robust_score
from tshirt_assets.selection.ranking import rank_rows
from tshirt_assets.selection.score_tables import ScoreTables
from tshirt_assets.selection.threshold import threshold


def published_selection(copies, keep, budget):
    """Row ids in the order of the published procedure.

    copies: row id -> list of (IFD, token deltas), one per noisy copy.
    """
    pooled = sorted(abs(d) for row in copies.values() for _, deltas in row for d in deltas)
    place = (1 - keep) * (len(pooled) - 1)
    below = int(place)
    above = min(below + 1, len(pooled) - 1)
    tau = pooled[below] + (pooled[above] - pooled[below]) * (place - below)
    eligible = []
    for row_id, row in copies.items():
        scores = []
        for _, deltas in row:
            kept = [d for d in deltas if abs(d) > tau]
            if kept:
                scores.append(math.exp(-sum(kept) / len(kept)))
        if len(scores) < 2 or sum(ratio for ratio, _ in row) / len(row) >= 1:
            continue
        mean = sum(scores) / len(scores)
        std = math.sqrt(sum((score - mean) ** 2 for score in scores) / len(scores))
        eligible.append((mean, std, row_id))
    pool = sorted(eligible, key=lambda row: (-row[0], row[2]))[: 2 * budget]
    return [row_id for _, _, row_id in sorted(pool, key=lambda row: (row[1], row[2]))[:budget]]


def our_selection(copies, keep, budget):
    """Row ids in the order of a recipe with method=reference."""
    noisy = [
        NeighbourDeltas(
            row_id,
            Status.OK,
            None,
            ifd_mean=float(np.mean([ratio for ratio, _ in row])),
            deltas=np.array([deltas for _, deltas in row], np.float32),
        )
        for row_id, row in copies.items()
    ]
    tau = threshold(lambda: (row.deltas for row in noisy), keep)
    scores = [robust_score(row, tau) for row in noisy]
    robust = pl.DataFrame(
        {
            "sample_id": [score.sample_id for score in scores],
            "status": [str(score.status) for score in scores],
            "s_ifd_mean": [score.s_ifd_mean for score in scores],
            "s_ifd_std": [score.s_ifd_std for score in scores],
            "ifd_mean": [score.ifd_mean for score in scores],
        },
        schema_overrides=dict.fromkeys(("s_ifd_mean", "s_ifd_std", "ifd_mean"), pl.Float64),
    )
    rows = robust.select("sample_id", status=pl.lit("ok"), shard=pl.lit("s"), row=pl.lit(0))
    recipe = Recipe(method="reference", budget=budget)
    ranked = rank_rows(recipe, ScoreTables(rows, reference=robust), seed=0)
    ranked = ranked.filter(pl.col("position") <= budget).sort("position")
    return ranked["sample_id"].to_list()


@pytest.mark.parametrize("keep", [0.5, 0.75])
def test_selection_of_real_rows_is_the_published_one(shared_dir, keep):
    path = shared_dir / "golden" / "tshirt_official_smollm2.json"
    golden = json.loads(path.read_text(encoding="utf-8"))
    copies = {
        f"{place:02d}": [
            (ratio, [-value for value in pmi])
            for ratio, pmi in zip(row["noisy_ifds"], row["noisy_pmi"], strict=True)
        ]
        for place, row in enumerate(golden)
    }
    for budget in range(1, 13):
        expected = published_selection(copies, keep, budget)
        assert len(expected) == budget
        assert our_selection(copies, keep, budget) == expected


def random_corpus(seed):
    """Up to 12 rows of 2 to 5 tokens, with 2 to 4 copies each; IFDs around 1, no ties."""
    draw = np.random.default_rng(seed)
    n_copies = draw.integers(2, 5)
    return {
        f"{place:02d}": [
            (draw.uniform(0.7, 1.2), draw.normal(0.3, 1, n).astype(np.float32).tolist())
            for _ in range(n_copies)
        ]
        for place, n in enumerate(draw.integers(2, 6, draw.integers(1, 13)))
    }


@given(st.integers(0, 10_000), st.sampled_from([0.3, 0.5, 0.75]), st.integers(1, 4))
@settings(max_examples=60, deadline=None)
def test_selection_is_the_published_one(seed, keep, budget):
    copies = random_corpus(seed)
    assert our_selection(copies, keep, budget) == published_selection(copies, keep, budget)
