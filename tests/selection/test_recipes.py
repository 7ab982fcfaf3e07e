"""Selections end to end: counts that add up, options together, and what the user is told."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.selection.frames import score_tables, unit_vectors
from tshirt_assets.config import DiversityOptions, Recipe
from tshirt_assets.selection.recipes import Selection, select
from tshirt_assets.selection.score_tables import ScoreTables
from tshirt_assets.selection.scores import SCORES

N = 120
VECTORS = {f"{i:08x}": vector for i, vector in enumerate(unit_vectors(N, width=4))}
RECIPES = {
    "t": Recipe(method="tshirt", budget=0.1),
    "m": Recipe(method="miwv", budget=0.1),
    "f": Recipe(method="fusion", budget=0.1, fuse=("t", "m")),
}


def vectors(ids: list[str]) -> np.ndarray:
    return np.stack([VECTORS[i] for i in ids])


def run(recipe: Recipe, tables: ScoreTables | None = None) -> Selection:
    tables = tables or score_tables(N)
    return select(recipe, "r", tables, seed=1, recipes=RECIPES, vectors=vectors)


recipes = st.builds(
    lambda method, budget, quotas, dedupe, diversity: Recipe(
        method=method,
        budget=budget,
        fuse=("t", "m") if method == "fusion" else (),
        quotas=quotas,
        dedupe_similarity=dedupe,
        diversity=diversity,
    ),
    st.sampled_from(["tshirt", "miwv", "ifd", "longest", "random", "fusion"]),
    st.sampled_from([0.05, 0.3, 1.0, 1, 7, 5000]),
    st.sampled_from([{}, {"code": 0.5}, {"code": 0.2, "law": 0.3}]),
    st.sampled_from([None, 0.9, 0.5]),
    st.sampled_from(
        [None, *(DiversityOptions(method=m) for m in ("k_center", "facility_location"))]
    ),
)


@given(recipes, st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_every_row_is_accounted_for_whatever_the_options(recipe, seed):
    tables = score_tables(N, seed, ties=seed % 2 == 0)
    selection = run(recipe, tables)
    frame, ranking = selection.frame, selection.ranking
    assert frame.height + sum(selection.excluded.values()) == tables.rows.height
    assert frame["rank"].to_list() == list(range(1, frame.height + 1))
    assert frame["sample_id"].n_unique() == frame.height <= selection.budget
    assert set(frame["sample_id"]) == set(ranking.filter("selected")["sample_id"])
    assert (ranking["excluded"].is_null() == ranking["selected"]).all()
    assert ranking.height == ranking["sample_id"].n_unique() == selection.usable
    assert ranking.filter("selected")["eligible"].all()
    assert sorted(ranking["position"].drop_nulls()) == list(range(1, ranking["eligible"].sum() + 1))
    assert frame.columns == [
        *("sample_id", "shard", "row", "domain", "recipe", "rank", "score", "reason"),
        *(score for score in SCORES if score != "relevance"),
    ]
    assert all(frame["reason"].str.len_chars() > 5)
    eligible = ranking["eligible"].sum()
    if frame.height < min(selection.budget, eligible):
        assert "too similar" in selection.excluded  # nothing else may leave a seat empty
    if frame.height < selection.budget:
        assert any("instead of" in note for note in selection.notes)
    if recipe.dedupe_similarity:
        chosen = vectors(frame["sample_id"].to_list())
        cosines = chosen @ chosen.T - np.eye(len(chosen))
        assert (cosines < recipe.dedupe_similarity + 1e-6).all()


def test_plain_budget_takes_the_head_of_the_ranking():
    selection = run(Recipe(method="longest", budget=7))
    assert selection.frame["n_response_tokens"].is_sorted(descending=True)
    rest = selection.ranking.filter(~pl.col("selected"))["n_response_tokens"]
    assert rest.max() <= selection.cuts["score"]
    assert selection.notes == []


def test_same_usable_rows_for_every_recipe():
    tables = score_tables(N)
    ok = tables.rows.filter(pl.col("status") == "ok")["sample_id"].n_unique()
    for recipe in (*RECIPES.values(), Recipe(method="random", budget=0.1)):
        selection = run(recipe, tables)
        assert selection.usable == ok
        assert selection.budget == round(0.1 * ok)
        assert (
            selection.excluded["duplicate"]
            == tables.rows.filter(pl.col("status") == "ok").height - ok
        )


def test_quota_is_filled_with_the_best_of_the_domain():
    plain = run(Recipe(method="longest", budget=20))
    selection = run(Recipe(method="longest", budget=20, quotas={"code": 0.3}))
    code = selection.ranking.filter(pl.col("domain") == "code").sort("position")
    best = set(code["sample_id"][:6])
    assert best <= set(selection.frame["sample_id"])
    assert not best <= set(plain.frame["sample_id"])
    pushed_out = selection.excluded["quota"]
    assert pushed_out == len(best - set(plain.frame["sample_id"]))
    assert selection.frame.filter(pl.col("reason").str.contains("quota of code")).height > 0


def test_unmet_quota_is_reported_and_its_seats_are_used():
    selection = run(Recipe(method="ifd", budget=20, quotas={"law": 0.5}))
    assert selection.frame.height == 20
    assert "quota of 'law': 0 of 10 rows could be selected" in selection.notes


def test_quotas_survive_the_spread():
    with_quota = Recipe(
        method="longest", budget=20, quotas={"code": 0.3}, diversity=DiversityOptions(pool=2.0)
    )
    selection = run(with_quota)
    assert selection.frame.filter(pl.col("domain") == "code").height >= 6
    assert selection.excluded["not spread"] == 20


def test_too_few_eligible_rows():
    tables = score_tables(N)
    few = ScoreTables(tables.rows, tables.robust.filter(pl.col("ifd_mean") < 1).head(8))
    selection = run(Recipe(method="tshirt", budget=6), few)
    eligible = int(selection.ranking["eligible"].sum())
    assert 0 < eligible < 12
    assert selection.frame.height == min(6, eligible)
    assert any(f"only {eligible} rows are eligible for the 12" in note for note in selection.notes)
    assert selection.excluded["not a contender"] > 0


def test_more_rows_than_exist():
    selection = run(Recipe(method="random", budget=5000))
    assert selection.frame.height == selection.usable == selection.budget
    assert selection.notes == [f"budget of 5000 rows, but only {selection.usable} are usable"]


def test_no_usable_rows():
    tables = score_tables(N)
    empty = ScoreTables(tables.rows.with_columns(status=pl.lit("empty_response")), tables.robust)
    for recipe in (RECIPES["t"], Recipe(method="ifd", budget=3, quotas={"code": 0.5})):
        selection = run(recipe, empty)
        assert selection.frame.is_empty()
        assert selection.excluded == {"empty_response": empty.rows.height}
        assert selection.cuts == {}


def test_tshirt_names_its_numbers():
    selection = run(RECIPES["t"])
    first = selection.frame.row(0, named=True)
    assert f"S-IFD mean {first['s_ifd_mean']:.4g} (rank " in first["reason"]
    assert f"std {first['s_ifd_std']:.3g} within cut" in first["reason"]
    assert selection.cuts["s_ifd_std"] == selection.frame["s_ifd_std"].max()
    assert selection.frame["s_ifd_mean"].min() >= selection.cuts["s_ifd_mean"]


@pytest.mark.parametrize("method", ["tshirt", "ifd"])
def test_kept_at_is_the_budget_that_would_select_the_row(method):
    tables = score_tables(40)
    budget = 4
    found = run(Recipe(method=method, budget=budget), tables)
    kept_at = dict(found.ranking.select("sample_id", "kept_at").iter_rows())
    selected = {
        b: set(run(Recipe(method=method, budget=b), tables).frame["sample_id"])
        for b in range(budget, 40)
    }
    for sample_id, rows in kept_at.items():
        keeping = [b for b, ids in selected.items() if sample_id in ids]
        assert rows == (keeping[0] if keeping else None)


def test_kept_at_is_unknown_beyond_the_contenders():
    tables = score_tables(N)
    some = ScoreTables(tables.rows, tables.robust.sort("s_ifd_mean", descending=True).head(30))
    selection = run(Recipe(method="tshirt", budget=5), some)
    assert selection.ranking["kept_at"].max() <= 15
    assert (
        selection.ranking.filter(pl.col("excluded") == "not a contender")["kept_at"].is_null().all()
    )


def test_missing_embeddings_are_named():
    with pytest.raises(ValueError, match="need embeddings"):
        select(Recipe(method="ifd", budget=2, dedupe_similarity=0.9), "r", score_tables(5), seed=0)
