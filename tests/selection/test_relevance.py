"""min_relevance: what a floor is, which rows it leaves out, and what a user is told of it."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.selection.frames import score_tables, unit_vectors
from tshirt_assets.config import Recipe
from tshirt_assets.selection.contenders import contenders
from tshirt_assets.selection.recipes import select
from tshirt_assets.selection.relevance import (
    NO_FLOOR,
    PAIRED_ROWS,
    Pairings,
    paired,
    paired_ids,
    pairing_notes,
)
from tshirt_assets.selection.score_tables import ScoreTables

N = 80
FAR = Pairings(own=np.array([0.9, 0.8]), shuffled=np.linspace(0, 1, 11), nearest=np.array([0.2]))


def guarded_tables(seed: int) -> ScoreTables:
    """Score tables whose rows have a relevance from 0 to 1, one of them none."""
    tables = score_tables(N, seed)
    ids = tables.rows.filter(pl.col("status") == "ok")["sample_id"].unique().sort()
    relevance = pl.DataFrame({"sample_id": ids}).with_columns(
        status=pl.lit("ok"), relevance=pl.Series(np.linspace(0, 1, len(ids)))
    )
    others = {**tables.others, "relevance": relevance.head(-1)}
    return ScoreTables(tables.rows, tables.robust, None, others, pairings=FAR)


def chosen(recipe: Recipe, tables: ScoreTables):
    parts = {"t": Recipe(method="tshirt", budget=9), "m": Recipe(method="miwv", budget=9)}
    return select(recipe, "r", tables, seed=1, recipes=parts)


def test_a_floor_is_a_quantile_of_shuffled_pairs() -> None:
    prompts = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    responses = np.array([[0.8, 0.6], [0, 1], [1, 0]], np.float32)
    found = paired(prompts, responses)
    assert found.own == pytest.approx([0.8, 1.0, 0.6])
    # x0 with y1, y2; x1 with y0, y2; x2 with y0, y1
    assert found.shuffled == pytest.approx(sorted([0, 1, 0.6, 0, 0.96, 0.8]))
    assert found.nearest == pytest.approx([1.0, 0.0, 0.8])  # the nearest are 2, 2 and 1
    assert found.floor(0.0) == 0.0
    assert found.floor(0.5) == pytest.approx(0.7)
    assert found.floor(1.0) == 1.0
    # 0.8 beats 3 of 6 and ties with one, 1.0 beats 5 and ties, 0.6 beats 2 and ties
    assert found.told_apart == pytest.approx((3.5 + 5.5 + 2.5) / 18)


def test_other_answers_to_the_same_instruction_are_no_shuffled_pairs() -> None:
    prompts = np.repeat(unit_vectors(2), 2, axis=0)
    assert len(paired(prompts, unit_vectors(4, seed=1)).shuffled) == 4 * 2


def test_with_nothing_to_compare_no_row_is_left_out_and_it_says_so() -> None:
    found = paired(unit_vectors(1), unit_vectors(1))
    assert found.floor(0.95) == NO_FLOOR < -1
    assert found.told_apart is None
    assert "too few" in pairing_notes(found)[0]
    assert found.facts(0.95)["rows_below"] == 0.0


def test_it_says_when_relevance_cannot_tell_rows_from_shuffled_pairs() -> None:
    prompts = unit_vectors(60)
    assert pairing_notes(paired(prompts, prompts)) == []
    assert "another one" in pairing_notes(paired(prompts, unit_vectors(60, seed=5)))[0]


def test_the_rows_that_are_paired_are_a_draw_that_growth_changes_little() -> None:
    ids = [f"{i:x}" for i in range(PAIRED_ROWS + 500)]
    before, after = paired_ids(ids), paired_ids([*ids, *(f"new{i}" for i in range(100))])
    assert before == paired_ids(ids[::-1])
    assert len(before) == len(after) == PAIRED_ROWS
    assert len({*before} - {*after}) < 120
    assert sorted(paired_ids(ids[:3])) == sorted(ids[:3])


@given(
    st.sampled_from(["tshirt", "miwv", "ifd", "longest", "random", "fusion"]),
    st.sampled_from([0.0, 0.3, 0.95, 1.0]),
    st.integers(0, 30),
)
@settings(max_examples=30, deadline=None)
def test_no_row_below_the_floor_is_selected_and_every_row_is_accounted_for(method, share, seed):
    tables = guarded_tables(seed)
    fuse = ("t", "m") if method == "fusion" else ()
    plain = Recipe(method=method, budget=0.3, fuse=fuse)
    found = chosen(plain.model_copy(update={"min_relevance": share}), tables)
    without = chosen(plain, tables)
    floor = FAR.floor(share)
    ranking = found.ranking
    assert (found.frame["relevance"] > floor).all()
    low = ranking.filter(pl.col("excluded") == "low_relevance")
    assert low.height == found.excluded.get("low_relevance", 0)
    assert low["sample_id"].to_list() == (
        ranking.filter(pl.col("relevance") <= floor)["sample_id"].to_list()
    )
    assert found.frame.height + sum(found.excluded.values()) == tables.rows.height
    assert found.budget == without.budget
    assert found.guard["floor"] == floor
    assert without.guard == {}
    assert "low_relevance" not in without.excluded
    # Of what is left, the order is as it was.
    left = ranking.filter("eligible")["sample_id"]
    before = without.ranking.filter("eligible").sort("position")["sample_id"]
    if method not in ("tshirt", "fusion"):
        assert ranking.filter("eligible").sort("position")["sample_id"].to_list() == (
            before.filter(before.is_in(left.implode())).to_list()
        )


def test_a_recipe_with_a_floor_needs_relevance() -> None:
    recipe = Recipe(method="ifd", budget=3, min_relevance=0.5)
    with pytest.raises(ValueError, match="min_relevance needs"):
        chosen(recipe, score_tables(N))


def test_contenders_of_a_recipe_with_a_floor_are_its_relevant_rows_and_as_many() -> None:
    clean = pl.DataFrame(
        {
            "sample_id": [f"{i:03}" for i in range(200)],
            "status": "ok",
            "ifd": 0.9,
            "s_ifd": np.linspace(1, 0, 200),
            "relevance": [0.0, 1.0] * 100,
        }
    )
    plain = Recipe(method="tshirt", budget=10)
    guarded = plain.model_copy(update={"min_relevance": 0.95})

    def rows(*recipes: Recipe) -> pl.DataFrame:
        return contenders(clean, recipes, margin=1.0, floors={0.95: 0.5})

    assert rows(plain)["sample_id"].to_list() == [f"{i:03}" for i in range(36)]
    assert rows(guarded)["sample_id"].to_list() == [f"{i:03}" for i in range(1, 72, 2)]
    both = {*rows(plain)["sample_id"], *rows(guarded)["sample_id"]}
    assert {*rows(plain, guarded)["sample_id"]} == both
