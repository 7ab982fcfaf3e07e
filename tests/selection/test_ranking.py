"""Rankings of every recipe against plain Python sorts."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.selection.frames import score_tables
from tshirt_assets.config import Recipe
from tshirt_assets.selection.ranking import rank_rows
from tshirt_assets.selection.score_tables import ScoreTables

FUSED = {
    "t": Recipe(method="tshirt", budget=5),
    "m": Recipe(method="miwv", budget=5),
    "f": Recipe(method="fusion", budget=5, fuse=("t", "m")),
}


def order(ranked: pl.DataFrame) -> list[str]:
    return ranked.drop_nulls("position").sort("position")["sample_id"].to_list()


def ok_rows(tables: ScoreTables) -> dict[str, dict]:
    return {r["sample_id"]: r for r in tables.rows.iter_rows(named=True) if r["status"] == "ok"}


seeds = st.integers(0, 10_000)


@given(seeds, st.booleans())
@settings(max_examples=15, deadline=None)
def test_single_score_methods_equal_a_python_sort(seed, ties):
    tables = score_tables(60, seed, ties=ties)
    ok = ok_rows(tables)
    by_ifd = sorted(
        (r for r in ok.values() if r["ifd"] < 1), key=lambda r: (-r["ifd"], r["sample_id"])
    )
    by_length = sorted(ok.values(), key=lambda r: (-r["n_response_tokens"], r["sample_id"]))
    miwv = {r["sample_id"]: r["miwv"] for r in tables.others["miwv_scores"].iter_rows(named=True)}
    by_miwv = sorted(ok, key=lambda i: (-miwv[i], i))
    for method, expected in (
        ("ifd", [r["sample_id"] for r in by_ifd]),
        ("longest", [r["sample_id"] for r in by_length]),
        ("miwv", by_miwv),
    ):
        assert order(rank_rows(Recipe(method=method, budget=5), tables, seed=0)) == expected


@pytest.mark.parametrize("method", ["tshirt", "reference", "miwv", "ifd", "longest", "random"])
def test_order_of_rows_and_shards_changes_nothing(method):
    tables = score_tables(80, 5, ties=True)
    moved = ScoreTables(
        tables.rows.sample(fraction=1, shuffle=True, seed=1),
        tables.robust.sample(fraction=1, shuffle=True, seed=2),
        None,
        {name: t.sample(fraction=1, shuffle=True, seed=3) for name, t in tables.others.items()},
    )
    recipe = Recipe(method=method, budget=10)
    if method == "reference":
        tables, moved = (ScoreTables(t.rows, None, t.robust, t.others) for t in (tables, moved))
    assert rank_rows(recipe, tables, seed=0).equals(rank_rows(recipe, moved, seed=0))


def test_random_depends_on_seed_and_content_only():
    tables = score_tables(50)
    half = ScoreTables(tables.rows.filter(pl.col("row") % 2 == 0))
    recipe = Recipe(method="random", budget=5)
    everything, some = (order(rank_rows(recipe, t, seed=1)) for t in (tables, half))
    assert some == [i for i in everything if i in set(some)]
    other = rank_rows(Recipe(method="random", budget=5, seed=2), tables, seed=1)
    assert order(other) != everything
    assert order(other) == order(rank_rows(recipe, tables, seed=2))


def test_reasons_for_ruling_a_row_out():
    ids = ["a", "b", "c", "d", "e", "f"]
    rows = pl.DataFrame(
        {"sample_id": ids, "shard": "s", "row": range(6), "status": "ok", "ifd": 1.5}
    )
    nan = float("nan")
    robust = pl.DataFrame(
        {
            "sample_id": ids[:5],
            "status": ["ok", "ok", "no_informative_token", "ok", "ok"],
            "s_ifd_mean": [0.9, 0.9, 1.0, nan, None],
            "s_ifd_std": [0.1, 0.1, 0.0, 0.0, 0.0],
            "ifd_mean": [0.9, 1.0, 0.5, 0.5, 0.5],
        }
    )
    ranked = rank_rows(Recipe(method="tshirt", budget=2), ScoreTables(rows, robust), seed=0)
    assert ranked["excluded"].to_list() == [
        None,
        "ifd >= 1",
        "no_informative_token",  # S-IFD 1 and std 0 would come first in the official code
        "non_finite_loss",
        "non_finite_loss",
        "not a contender",
    ]
    assert ranked["position"].to_list() == [1, None, None, None, None, None]
    miwv = pl.DataFrame(
        {"sample_id": ["a", "b"], "status": ["ok", "no_neighbour"], "miwv": [1.0, nan]}
    )
    ranked = rank_rows(
        Recipe(method="miwv", budget=2), ScoreTables(rows, others={"miwv_scores": miwv}), seed=0
    )
    assert ranked["excluded"].to_list() == [None, "no_neighbour", *["no score"] * 4]


def test_fusion_by_hand():
    rows = pl.DataFrame(
        {
            "sample_id": ["a", "b", "c", "d"],
            "shard": "s",
            "row": range(4),
            "status": "ok",
            "ifd": [0.9, 0.8, 0.7, 1.2],  # ranks a b c, d ruled out
            "n_response_tokens": [1, 2, 4, 3],  # ranks c d b a
        }
    )
    recipes = {
        "i": Recipe(method="ifd", budget=1),
        "l": Recipe(method="longest", budget=1),
        "f": Recipe(method="fusion", budget=1, fuse=("i", "l")),
    }
    ranked = rank_rows(recipes["f"], ScoreTables(rows), seed=0, recipes=recipes)
    assert ranked["score"].to_list() == pytest.approx(
        [1 / 61 + 1 / 64, 1 / 62 + 1 / 63, 1 / 63 + 1 / 61, 1 / 62]
    )
    assert order(ranked) == ["c", "a", "b", "d"]


def test_a_row_that_every_part_rules_out_is_ruled_out_of_the_fusion():
    tables = score_tables(60)
    ranked = rank_rows(FUSED["f"], tables, seed=0, recipes=FUSED)
    parts = [set(order(rank_rows(FUSED[name], tables, seed=0))) for name in ("t", "m")]
    assert set(order(ranked)) == parts[0] | parts[1]


def test_missing_tables_are_named():
    rows = score_tables(5).rows
    with pytest.raises(ValueError, match="miwv_scores"):
        rank_rows(FUSED["m"], ScoreTables(rows), seed=0)
    with pytest.raises(ValueError, match="robust_scores"):
        rank_rows(FUSED["t"], ScoreTables(rows), seed=0)
    with pytest.raises(ValueError, match="neighbour_deltas"):
        rank_rows(Recipe(method="reference", budget=1), ScoreTables(rows), seed=0)
    with pytest.raises(ValueError, match="recipes are not given"):
        rank_rows(FUSED["f"], score_tables(5), seed=0)
