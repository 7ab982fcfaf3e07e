"""A plan against what a run then records."""

from pathlib import Path

import pytest

from tests.corpora import Corpus, fill, make_rows
from tshirt_assets.incremental.planning import present_rows as reading
from tshirt_assets.incremental.planning.make_plan import make_plan
from tshirt_assets.incremental.planning.planned import Plan, PlannedAsset
from tshirt_assets.models import cache

MEASURED = ("embeddings", "token_scores", "miwv_scores", "robust_scores")


def plan_of(corpus: Corpus) -> Plan:
    return make_plan(corpus.store, corpus.config)


def recorded_tokens(corpus: Corpus, asset: str) -> float:
    """Tokens of the latest materializations, from the rounded speed that they record."""
    found = (corpus.metadata(asset, shard) for shard in corpus.shards)
    return sum(one.get("tokens_per_second", 0.0) * one["seconds"] for one in found)


def assert_as_recorded(corpus: Corpus, planned: PlannedAsset) -> None:
    """Rows exactly; tokens as far as their recorded speed tells, whose seconds are rounded."""
    asset = planned.asset
    assert (planned.rows, planned.reused) == (corpus.computed(asset), corpus.reused(asset))
    if asset != "embeddings":  # whose tokens no run counts
        assert planned.tokens == pytest.approx(recorded_tokens(corpus, asset), rel=0.05)


def test_a_first_run_computes_what_was_planned(
    finished: Corpus, tmp_path: Path, tiny_models: Path
) -> None:
    plan = plan_of(fill(Corpus(tmp_path / "new", tiny_models)))
    assert (plan.rows, plan.shards, plan.exact) == (32, 3, True)
    assert plan.skipped == ("relevance", "calibration")
    for asset in ("embeddings", "token_scores"):
        assert_as_recorded(finished, plan.for_asset(asset))
    miwv = plan.for_asset("miwv_scores")
    assert miwv.rows == finished.computed("miwv_scores")
    assert miwv.tokens == pytest.approx(recorded_tokens(finished, "miwv_scores"), rel=0.1)
    robust = plan.for_asset("robust_scores")
    assert robust.rows == 27  # 1.35 * gamma 2 * budget 4, and 16
    assert plan.total.seconds > plan.start_seconds > 0
    assert all(asset.bytes > 0 for asset in plan.assets)


def test_where_nothing_is_missing_no_model_is_loaded(
    materialized: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_models", {})
    plan = plan_of(materialized)
    assert not plan.missing
    assert cache.load_count() == 0
    assert {asset.tokens for asset in plan.assets} == {0}
    assert plan.for_asset("token_scores").reused == 31
    assert plan.for_asset("robust_scores").rows == 0


def test_stored_rows_are_deducted(materialized: Corpus) -> None:
    lines = materialized.lines("b.jsonl")
    materialized.write("b.jsonl", [*lines[1:], *make_rows(7, 3)])
    plan = plan_of(materialized)
    materialized.register()
    materialized.materialize("samples", "embeddings", "token_scores")
    for asset in ("embeddings", "token_scores"):
        assert plan.for_asset(asset).rows == 3
        assert_as_recorded(materialized, plan.for_asset(asset))
    assert 3 <= plan.for_asset("miwv_scores").rows <= 12  # and rows that get another demo


def test_only_new_contenders_are_counted_for_another_budget(corpus: Corpus) -> None:
    ifd = {"method": "ifd", "budget": 2}
    tshirt = {"method": "tshirt", "budget": 1}
    corpus.write("d.jsonl", make_rows(8, 60))
    corpus.configure(recipes={"tshirt": tshirt, "ifd": ifd})
    corpus.register()
    for phase in (("samples", "token_scores"), ("contenders",), ("robust_scores",)):
        corpus.materialize(*phase)
    assert not plan_of(corpus).missing
    corpus.configure(recipes={"tshirt": tshirt | {"budget": 9}, "ifd": ifd})
    plan = plan_of(corpus)
    assert plan.for_asset("token_scores").rows == 0
    corpus.materialize("contenders")
    corpus.materialize("robust_scores")
    assert plan.for_asset("robust_scores").rows > 0
    assert_as_recorded(corpus, plan.for_asset("robust_scores"))
    corpus.configure(recipes={"longest": {"method": "longest", "budget": 2}})
    assert not plan_of(corpus).missing
    assert "robust_scores" in plan_of(corpus).skipped


def test_gradients_are_counted_while_tau_stays(corpus: Corpus) -> None:
    recipes = {"tshirt": {"method": "tshirt", "budget": 1}}
    corpus.configure(recipes=recipes, robustness={"estimator": "analytic"})
    first = plan_of(corpus)
    assert first.for_asset("calibration").rows == 30  # distinct ones
    corpus.register()
    corpus.materialize("samples", "token_scores")
    corpus.materialize("contenders", "calibration")
    recorded = corpus.metadata("calibration")
    tokens = recorded["tokens_per_second"] * recorded["seconds"]
    assert first.for_asset("calibration").tokens == pytest.approx(tokens, rel=0.02)
    plan = plan_of(corpus)
    corpus.materialize("robust_scores")
    assert plan.for_asset("calibration").rows == 0
    assert_as_recorded(corpus, plan.for_asset("robust_scores"))
    assert not plan_of(corpus).missing


def test_a_large_corpus_is_read_in_part(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus.write("large.jsonl", make_rows(5, 3_000))
    whole = plan_of(corpus)
    monkeypatch.setattr(reading, "ALL_ROWS_UP_TO", 1_000)
    monkeypatch.setattr(reading, "SAMPLED_ROWS", 1_000)
    part = plan_of(corpus)
    assert whole.exact
    assert not part.exact
    assert part.rows == pytest.approx(whole.rows, rel=0.02)
    for asset in ("token_scores", "miwv_scores", "embeddings"):
        planned, counted = part.for_asset(asset), whole.for_asset(asset)
        assert planned.rows == pytest.approx(counted.rows, rel=0.02)
        assert planned.tokens == pytest.approx(counted.tokens, rel=0.05)


def test_the_values_of_a_plan_give_it_back(finished: Corpus) -> None:
    plan = plan_of(finished)
    assert Plan.of_values(plan.values()) == plan
    with pytest.raises(ValueError, match="format 0"):
        Plan.of_values(plan.values() | {"format": 0})
