"""The records of methods and scores are complete, and say what users read."""

from typing import get_args

import pytest

from tests.selection.frames import score_tables
from tshirt_assets.config import Recipe
from tshirt_assets.selection.methods import METHODS
from tshirt_assets.selection.recipes import select
from tshirt_assets.selection.score_tables import ScoreTables
from tshirt_assets.selection.scores import SCORES, columns_of, in_section

PARTS = {"l": Recipe(method="longest", budget=1), "i": Recipe(method="ifd", budget=1)}


def recipe(method: str) -> Recipe:
    return Recipe(method=method, budget=3, fuse=tuple(PARTS) if method == "fusion" else ())


def test_every_method_of_the_configuration_has_a_record():
    assert get_args(Recipe.model_fields["method"].annotation) == tuple(METHODS)
    assert all(method.name == name for name, method in METHODS.items())


def test_columns_that_rank_are_scores():
    ranking = {method.column for method in METHODS.values()} - {None}
    assert ranking == {"s_ifd_mean", "miwv", "ifd", "n_response_tokens"}
    assert ranking <= set(SCORES)


def test_the_columns_of_a_ranking_keep_their_order():
    # The order of the columns of the stored table `selected_subset`.
    assert list(SCORES) == [
        *("ifd", "n_response_tokens", "s_ifd_mean", "s_ifd_std", "ifd_mean", "miwv", "relevance")
    ]
    assert columns_of("robust_scores") == ["s_ifd_mean", "s_ifd_std", "ifd_mean"]
    assert [score.column for score in in_section("drift")] == ["n_response_tokens"]


def test_only_tshirt_selects_among_contenders():
    assert [name for name, method in METHODS.items() if method.through_contenders] == ["tshirt"]
    by_robustness = [name for name, method in METHODS.items() if method.by_robustness]
    assert by_robustness == ["tshirt", "reference"]


def test_a_fusion_is_described_by_its_parts():
    assert METHODS["fusion"].describe(recipe("fusion")) == "fused ranks of l, i"
    assert METHODS["random"].describe(recipe("random")) == "seeded draw"


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("tshirt", r"^S-IFD mean 0\.\d+ \(rank \d\), std [\d.e-]+ within cut [\d.e-]+$"),
        ("reference", r"^S-IFD mean 0\.\d+ \(rank \d\), std [\d.e-]+ within cut [\d.e-]+$"),
        ("miwv", r"^MIWV 0\.\d{1,4} \(rank 1\)$"),
        ("ifd", r"^IFD 0\.\d{1,4} \(rank 1\)$"),
        ("longest", r"^39 response tokens \(rank 1\)$"),
        ("random", r"^random draw \(seed 7\)$"),
        ("fusion", r"^l rank \d+, i rank \d+$"),
    ],
)
def test_the_reason_of_the_first_row(method, reason):
    scores = score_tables(60)
    tables = ScoreTables(scores.rows, scores.robust, scores.robust, scores.others)
    found = select(recipe(method), "r", tables, seed=7, recipes=PARTS)
    assert found.frame["reason"].head(1).str.contains(reason).all(), found.frame["reason"][0]
