"""What people keep is in and what they drop is out, whatever the options of a recipe."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.selection.frames import score_tables, unit_vectors
from tshirt_assets.config import DiversityOptions, Recipe
from tshirt_assets.selection.recipes import Selection, select
from tshirt_assets.selection.score_tables import ScoreTables

N = 100
IDS = [f"{i:08x}" for i in range(N)]
VECTORS = dict(zip(IDS, unit_vectors(N, width=4), strict=True))
PARTS = {
    "t": Recipe(method="tshirt", budget=0.1),
    "m": Recipe(method="miwv", budget=0.1),
}
METHODS = ["tshirt", "miwv", "ifd", "longest", "random", "fusion"]


def vectors(ids: list[str]) -> np.ndarray:
    return np.stack([VECTORS[i] for i in ids])


def judged(keep: set[str], drop: set[str]) -> pl.DataFrame:
    verdicts = [(i, "keep") for i in sorted(keep)] + [(i, "drop") for i in sorted(drop)]
    frame = pl.DataFrame(verdicts, ["sample_id", "verdict"], orient="row")
    schema = {"sample_id": pl.String, "verdict": pl.String}
    at = pl.lit(datetime(2026, 11, 27, tzinfo=UTC)).cast(pl.Datetime("us", "UTC"))
    return frame.cast(schema).with_columns(who=pl.lit("ada"), at=at)  # type: ignore[arg-type]


def chosen(
    recipe: Recipe, tables: ScoreTables, keep: set[str] = frozenset(), drop: set[str] = frozenset()
) -> Selection:  # type: ignore[assignment]
    with_verdicts = replace(tables, judged=judged(keep, drop))
    return select(recipe, "r", with_verdicts, seed=1, recipes=PARTS, vectors=vectors)


def usable(tables: ScoreTables) -> set[str]:
    return set(tables.rows.filter(status="ok")["sample_id"])


def recipe_of(method: str, **options: object) -> Recipe:
    fuse = ("t", "m") if method == "fusion" else ()
    return Recipe(method=method, fuse=fuse, **options)  # type: ignore[arg-type]


recipes = st.builds(
    recipe_of,
    st.sampled_from(METHODS),
    budget=st.sampled_from([0.05, 0.3, 1.0, 1, 9]),
    quotas=st.sampled_from([{}, {"code": 0.5}, {"code": 0.2, "prose": 0.6}]),
    dedupe_similarity=st.sampled_from([None, 0.9, 0.5]),
    diversity=st.sampled_from([None, DiversityOptions(method="k_center")]),
)
some = st.sets(st.sampled_from(IDS), max_size=12)


@given(recipes, some, some, st.integers(0, 20))
@settings(max_examples=60, deadline=None)
def test_kept_rows_are_in_and_dropped_ones_out(recipe, keep, drop, seed):
    keep -= drop
    tables = score_tables(N, seed)
    selection = chosen(recipe, tables, keep, drop)
    ids = set(selection.frame["sample_id"])
    in_hand = keep & usable(tables)
    assert in_hand <= ids <= usable(tables) - drop
    assert len(ids) <= max(selection.budget, len(in_hand))
    assert set(selection.frame["sample_id"].head(len(in_hand))) == in_hand
    by_hand = selection.frame.filter(pl.col("reason") == "kept by ada on 2026-11-27")
    assert set(by_hand["sample_id"]) == in_hand
    assert selection.excluded.get("judged_drop", 0) == len(drop & usable(tables))
    assert selection.frame.height + sum(selection.excluded.values()) == tables.rows.height
    assert set(selection.ranking.filter("selected")["sample_id"]) == ids
    assert (selection.ranking["excluded"].is_null() == selection.ranking["selected"]).all()


@given(st.sampled_from(METHODS), some, st.integers(0, 20))
@settings(max_examples=40, deadline=None)
def test_the_rest_of_the_budget_is_what_the_recipe_takes_from_the_other_rows(method, judged, seed):
    tables = score_tables(N, seed)
    keep = {i for i in judged if int(i, 16) % 2} & usable(tables)
    budget = 20
    selection = chosen(recipe_of(method, budget=budget), tables, keep, judged - keep)
    if method == "fusion":  # whose parts rank without judgements
        return
    others = replace(tables, rows=tables.rows.filter(~pl.col("sample_id").is_in(list(judged))))
    expected = chosen(recipe_of(method, budget=budget - len(keep)), others)
    rest = selection.frame["sample_id"][len(keep) :].to_list()
    assert rest == expected.frame["sample_id"].to_list()


@pytest.mark.parametrize("method", METHODS)
def test_a_larger_budget_takes_what_kept_at_says(method: str) -> None:
    tables = score_tables(N, ties=True)
    keep, drop = set(IDS[:5]), set(IDS[5:15])
    ranking = chosen(recipe_of(method, budget=8), tables, keep, drop).ranking
    for budget in (8, 12, 20):
        now = set(chosen(recipe_of(method, budget=budget), tables, keep, drop).frame["sample_id"])
        told = ranking.filter(pl.col("kept_at") <= budget)["sample_id"]
        assert now <= set(told) if method == "tshirt" else now == set(told)


def test_near_duplicates_of_a_kept_row_are_skipped_and_its_seat_counts_for_the_quota() -> None:
    tables = score_tables(N)
    plain = chosen(recipe_of("longest", budget=10, dedupe_similarity=0.8), tables)
    keep = {IDS[0]} & usable(tables)
    near = {i for i in IDS if VECTORS[i] @ VECTORS[IDS[0]] >= 0.8} - keep
    selection = chosen(recipe_of("longest", budget=10, dedupe_similarity=0.8), tables, keep)
    assert keep
    assert near & set(plain.frame["sample_id"])
    assert not near & set(selection.frame["sample_id"])
    code = tables.rows.filter(status="ok", domain="code").unique("sample_id")["sample_id"]
    quota = recipe_of("longest", budget=10, quotas={"code": 0.2})
    kept = set(code.sort().head(2))
    free = chosen(recipe_of("longest", budget=10), tables, kept)
    assert chosen(quota, tables, kept).frame["sample_id"].equals(free.frame["sample_id"])


def test_a_recipe_can_ignore_judgements_and_a_fusion_ranks_by_scores_alone() -> None:
    tables = score_tables(N)
    plain = chosen(recipe_of("miwv", budget=10), tables)
    top = plain.frame["sample_id"].to_list()
    ignoring = chosen(recipe_of("miwv", budget=10, judgements="ignore"), tables, drop=set(top))
    assert ignoring.frame.equals(plain.frame)
    assert ignoring.notes == []
    fused = recipe_of("fusion", budget=10)
    without, drop = chosen(fused, tables), set(top[:3])
    ranked = without.ranking.drop_nulls("position").sort("position")["sample_id"]
    expected = [i for i in ranked if i not in drop][:10]
    assert chosen(fused, tables, drop=drop).frame["sample_id"].to_list() == expected


def test_what_cannot_count_is_said() -> None:
    tables = score_tables(N)
    broken = tables.rows.filter(pl.col("status") != "ok")["sample_id"].head(2).to_list()
    good = sorted(usable(tables))[:3]
    notes = chosen(recipe_of("longest", budget=2), tables, {*broken, *good}).notes
    assert "2 kept rows cannot be selected: response_too_short" in notes
    assert "more rows are kept than the budget of 2: all 3 are in" in notes
    assert "rows judged by hand: 3 kept, 0 dropped" in notes
