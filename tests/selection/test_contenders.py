"""Contenders: nothing that the final selection could take is left out."""

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tshirt_assets.config import Recipe
from tshirt_assets.selection.contenders import IFD_SLACK, SPARE_ROWS, contenders
from tshirt_assets.selection.ranking import rank_rows
from tshirt_assets.selection.score_tables import ScoreTables


def clean_scores(n: int, seed: int, low: float = 0.6, high: float = 1.15) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    ifd = rng.uniform(low, high, n)
    return pl.DataFrame(
        {
            "sample_id": [f"{i:06x}" for i in rng.permutation(n)],
            "shard": ["a"] * n,
            "row": range(n),
            "status": rng.choice(["ok", "prompt_too_long"], n, p=[0.95, 0.05]).tolist(),
            "ifd": ifd,
            "s_ifd": ifd - rng.uniform(0, 0.1, n),
            "n_response_tokens": [9] * n,
            "domain": rng.choice(["code", "prose"], n, p=[0.1, 0.9]).tolist(),
        }
    )


def test_by_hand(monkeypatch):
    monkeypatch.setattr("tshirt_assets.selection.contenders.SPARE_ROWS", 0)
    clean = pl.DataFrame(
        {
            "sample_id": ["c", "a", "b", "d", "e", "f", "g", "a"],
            "status": ["ok", "ok", "ok", "ok", "empty_response", "ok", "ok", "ok"],
            "ifd": [0.9, 0.9, 1.02, 1.2, 0.9, 0.9, 0.5, 0.9],
            "s_ifd": [0.8, 0.8, 0.95, 0.99, 0.97, float("nan"), 0.3, 0.8],
        }
    )
    found = contenders(clean, [Recipe(method="tshirt", budget=1, gamma=1.0)], margin=1.0)
    # b may fall below 1 under noise and ranks above the cut; it does not use up a's place.
    assert found.select("sample_id", "rank").rows() == [("b", 1), ("a", 2)]
    found = contenders(clean, [Recipe(method="tshirt", budget=1, gamma=2.0)], margin=1.5)
    assert found["sample_id"].to_list() == ["b", "a", "c", "g"]


@given(st.integers(0, 10_000), st.sampled_from([0.02, 0.05, 0.2]), st.booleans())
@settings(max_examples=25, deadline=None)
def test_selection_from_contenders_equals_selection_from_all(seed, budget, quota):
    """With noisy scores equal to the clean ones, perturbing only contenders changes nothing."""
    clean = clean_scores(300, seed)
    quotas = {"code": 0.5} if quota else {}
    recipe = Recipe(method="tshirt", budget=budget, quotas=quotas)
    robust = clean.select(
        "sample_id",
        "status",
        s_ifd_mean="s_ifd",
        s_ifd_std=pl.col("sample_id").hash(seed) % 1000,
        ifd_mean="ifd",
    )
    near = contenders(clean, [recipe], margin=1.0).select("sample_id")
    assert near.height < clean.height

    def eligible(scores: pl.DataFrame, domain: str | None) -> list[str]:
        ranked = rank_rows(recipe, ScoreTables(clean, scores), seed=0).sort("position")
        ranked = ranked.filter(pl.col("position").is_not_null())
        if domain is not None:
            ranked = ranked.filter(pl.col("domain") == domain)
        return ranked["sample_id"].to_list()

    n = recipe.rows(clean.filter(pl.col("status") == "ok").height)
    some = robust.join(near, on="sample_id")
    assert eligible(some, None)[:n] == eligible(robust, None)[:n]
    if quota:
        assert eligible(some, "code")[: n // 2] == eligible(robust, "code")[: n // 2]


def test_many_rows_just_above_one_do_not_crowd_out_the_others():
    clean = clean_scores(1000, 1, low=0.9, high=1.0 + IFD_SLACK)
    recipe = Recipe(method="tshirt", budget=50)
    found = contenders(clean, [recipe], margin=1.0)
    assert found.filter(pl.col("ifd") < 1.0).height == 100 + SPARE_ROWS
    assert found["ifd"].max() > 1.0


def test_larger_margins_and_budgets_only_add():
    clean = clean_scores(400, 2)
    small, large = Recipe(method="tshirt", budget=10), Recipe(method="tshirt", budget=0.1)
    ids = [
        set(contenders(clean, recipes, margin=margin)["sample_id"])
        for recipes, margin in (([small], 1.0), ([small], 2.0), ([small, large], 2.0))
    ]
    assert ids[0] < ids[1] < ids[2]


def test_other_recipes_need_no_contenders():
    assert contenders(clean_scores(50, 3), [Recipe(method="ifd", budget=5)], margin=2.0).is_empty()


def test_quotas_of_a_corpus_without_domains_reserve_nothing():
    clean = clean_scores(50, 3).drop("domain")
    plain, quota = (Recipe(method="tshirt", budget=5, quotas=q) for q in ({}, {"code": 0.5}))
    assert contenders(clean, [quota], margin=1.0).equals(contenders(clean, [plain], margin=1.0))
