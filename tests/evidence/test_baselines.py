"""Baselines select what their names say."""

import polars as pl

from tshirt_assets.evidence.baselines import RULES, baselines

FRAME = pl.DataFrame(
    {
        "sample_id": list("abcdef"),
        "ifd": [0.5, 0.6, 0.7, 0.8, 0.9, 1.1],
        "cosine": [0.1, 0.9, 0.8, 0.7, 0.2, 0.95],
        "n_response_tokens": [9.0, 3.0, 5.0, 7.0, 8.0, 99.0],
        "cond_nll": [1.0, 2.0, 3.0, 4.0, 5.0, 0.5],
        "ifd_mean": [0.5, 0.6, 0.7, 0.8, 0.9, 1.1],
        "s_ifd_mean": [0.1, 0.2, 0.3, 0.4, 0.5, 0.9],
        "s_ifd_std": [0.5, 0.1, 0.4, 0.2, 0.3, 0.0],
    }
)


def chosen(frame: pl.DataFrame = FRAME, budget: int = 2) -> dict[str, list[str]]:
    return {pick.name: pick.sample_ids for pick in baselines(frame, budget)}


def test_each_rule_selects_its_rows() -> None:
    found = chosen()
    assert found["longest"] == ["f", "a"]
    assert found["low loss"] == ["f", "a"]
    assert found["cosine"] == ["f", "b"]
    assert found["relevant, longest"] == ["c", "b"]  # f has an IFD above 1
    assert found["pool, low mean"] == ["b", "c"]  # the pool: e, d, c, b
    assert found["pool, high std"] == ["c", "e"]
    assert {pick.rule for pick in baselines(FRAME, 2)} == set(RULES)


def test_draws_differ_and_are_the_same_again() -> None:
    found = chosen()
    random = [tuple(ids) for name, ids in found.items() if name.startswith("random")]
    assert len(random) == 20
    assert len(set(random)) > 5
    assert found == chosen()
    assert all(
        set(ids) <= set("bcde") for name, ids in found.items() if name.startswith("pool, random")
    )


def test_rules_without_their_scores_are_left_out() -> None:
    nothing = FRAME.with_columns(
        pl.lit(None, pl.Float64).alias(name)
        for name in ("cosine", "s_ifd_mean", "s_ifd_std", "ifd_mean")
    )
    assert {pick.rule for pick in baselines(nothing, 2)} == {"random", "longest", "low loss"}
    assert len(chosen(budget=50)["longest"]) == 6
