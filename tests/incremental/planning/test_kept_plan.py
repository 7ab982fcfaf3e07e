"""The last plan, in the store and in the UI."""

import shutil
from pathlib import Path

import pytest

from tests.corpora import NAME, Corpus
from tshirt_assets.commands.verify import verify
from tshirt_assets.incremental.planning.kept_plan import keep_plan, last_plan
from tshirt_assets.incremental.planning.planned import Plan, PlannedAsset

PLAN = Plan(
    corpus=NAME,
    created="2026-11-27T12:00:00+00:00",
    device="cpu, 2 threads",
    rows=32,
    shards=3,
    exact=True,
    start_seconds=1.0,
    assets=(PlannedAsset("token_scores", rows=31, tokens=3_275, flops=1e9, seconds=4.2),),
)


def test_the_last_plan_is_kept_and_is_no_fault(materialized: Corpus) -> None:
    assert last_plan(materialized.store, NAME) is None
    keep_plan(materialized.store, PLAN)
    assert last_plan(materialized.store, NAME) == PLAN
    found = verify(materialized.store, materialized.config, materialized.shards)
    assert found.faults == []


def test_a_damaged_plan_is_none(materialized: Corpus) -> None:
    keep_plan(materialized.store, PLAN)
    shutil.rmtree(Path(materialized.config.store) / f"{NAME}.plan.lance" / "_versions")
    assert last_plan(materialized.store, NAME) is None


def test_token_scores_show_the_plan_beside_their_work(materialized: Corpus) -> None:
    shard = materialized.shards[0]
    assert "plan" not in materialized.metadata("token_scores", shard)
    keep_plan(materialized.store, PLAN)
    for shard in materialized.shards:
        materialized.store.drop(NAME, "token_scores", shard)
    materialized.materialize("token_scores")
    shown = [materialized.metadata("token_scores", shard)["plan"] for shard in materialized.shards]
    assert all("made 2026-11-27 12:00 UTC, for cpu, 2 threads" in text for text in shown)
    assert "| token_scores | 31 | 0 | 3,275 | 4 | 10 rows," in shown[0]
    assert "| token_scores | 31 | 0 | 3,275 | 4 | 31 rows, 3,275 tokens," in shown[-1]
    assert "| total |  |  | 3,275 | 5 |  |" in shown[0]


@pytest.mark.parametrize("format", [0, 2, None])
def test_a_plan_of_another_format_is_not_shown(materialized: Corpus, format) -> None:
    assert Plan.of_values(PLAN.values()) == PLAN
    with pytest.raises(ValueError, match="format"):
        Plan.of_values(PLAN.values() | {"format": format})
