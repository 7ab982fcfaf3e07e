"""The check that a recorded subset still matches the stored scores."""

from typing import Any

import dagster as dg
import pytest

from tests.corpora import NAME, Corpus, make_rows
from tshirt_assets.incremental.score_table import ScoreTable
from tshirt_assets.orchestration.metadata_order import plain
from tshirt_assets.store.faults import DamagedTableError


def matches(corpus: Corpus) -> dg.AssetCheckEvaluation:
    """Evaluate `matches_current_scores` alone, as its button in the UI does."""
    key = dg.AssetCheckKey(corpus.key("selected_subset"), "matches_current_scores")
    job = dg.define_asset_job("check", selection=dg.AssetSelection.checks(key))
    defs = dg.Definitions.merge(corpus.defs, dg.Definitions(jobs=[job]))
    result = defs.resolve_job_def("check").execute_in_process(instance=corpus.instance)
    [evaluation] = result.get_asset_check_evaluations()
    return evaluation


def test_goes_red_when_the_scores_of_a_shard_change_and_green_again(materialized: Corpus) -> None:
    assert matches(materialized).passed

    b = materialized.shard("b-")
    rows = make_rows(1, 10)
    rows[0]["output"] += " and more rain"
    materialized.write("b.jsonl", rows)
    materialized.materialize("samples", "token_scores", partitions=[b])
    evaluation = matches(materialized)
    assert not evaluation.passed
    assert evaluation.severity is dg.AssetCheckSeverity.ERROR
    changed = plain(evaluation.metadata["changed"])
    assert isinstance(changed, dict)
    assert set(changed) == set(materialized.config.recipes)
    assert f"token_scores {b}" in changed["ifd"]
    assert f"token_scores {b}" in str(evaluation.description)

    # One recipe is selected again: only the others are still red.
    materialized.materialize("selected_subset", partitions=["ifd"])
    changed = plain(matches(materialized).metadata["changed"])
    assert isinstance(changed, dict)
    assert set(changed) == set(materialized.config.recipes) - {"ifd"}


def last_evaluation(corpus: Corpus) -> dg.AssetCheckEvaluation:
    """What the UI shows of the check, without asking for it."""
    key = dg.AssetCheckKey(corpus.key("selected_subset"), "matches_current_scores")
    storage = corpus.instance.event_log_storage
    entry = storage.get_latest_asset_check_execution_by_key([key])[key].event
    assert entry is not None
    assert entry.dagster_event is not None
    return entry.dagster_event.asset_check_evaluation_data


def test_the_run_that_changes_a_table_says_that_subsets_are_out_of_date(
    materialized: Corpus,
) -> None:
    b = materialized.shard("b-")
    materialized.write("b.jsonl", make_rows(7, 10))
    materialized.materialize("samples", partitions=[b])
    evaluation = last_evaluation(materialized)
    assert not evaluation.passed
    assert f"samples {b}" in str(evaluation.description)
    assert {("selected_subset", r) for r in materialized.config.recipes} <= set(
        materialized.stale()
    )
    materialized.materialize_all()
    assert last_evaluation(materialized).passed
    assert materialized.stale() == {}


def test_a_shard_that_was_not_there_is_a_change(materialized: Corpus) -> None:
    materialized.write("d.jsonl", make_rows(3, 2))
    materialized.register()
    assert matches(materialized).passed  # known, but without scores
    d = materialized.shard("d-")
    materialized.materialize("samples", "token_scores", partitions=[d])
    evaluation = matches(materialized)
    assert not evaluation.passed
    assert f"token_scores {d} (new)" in plain(evaluation.metadata["changed"])["ifd"]


def test_computing_the_same_again_is_no_change(materialized: Corpus) -> None:
    before = materialized.store.info(NAME, "token_scores", materialized.shards[0])
    materialized.materialize("samples", "token_scores")
    after = materialized.store.info(NAME, "token_scores", materialized.shards[0])
    assert before is not None
    assert after is not None
    assert before.meta == after.meta
    assert matches(materialized).passed


def test_nothing_selected_is_nothing_wrong(corpus: Corpus) -> None:
    corpus.register()
    assert matches(corpus).passed


@pytest.mark.parametrize("asset", ["embeddings", "token_scores", "miwv_scores"])
def test_rows_read_again_while_they_are_scored_leave_the_scores_stale(
    materialized: Corpus, monkeypatch: pytest.MonkeyPatch, asset: str
) -> None:
    """Another process replaces the samples of a shard in the middle of the work on it."""
    a = materialized.shard("a-")
    instructions = set(materialized.frame("samples", a)["instruction"])
    materialized.configure(prompt_format="alpaca")
    score = ScoreTable.score

    def score_late(*arguments: Any, **options: Any) -> Any:
        monkeypatch.undo()
        materialized.write("a.jsonl", make_rows(7, 12))
        materialized.materialize("samples", partitions=[a])
        return score(*arguments, **options)

    monkeypatch.setattr(ScoreTable, "score", score_late)
    materialized.materialize(asset, partitions=[a])
    assert materialized.frame(asset, a).height == len(instructions) == 10  # what it had read
    assert materialized.frame("samples", a).height == 12
    assert (asset, a) in materialized.stale()
    materialized.materialize(asset, partitions=[a])
    assert materialized.frame(asset, a).height == 12
    if asset != "miwv_scores":  # its other inputs have not been brought up to date
        assert (asset, a) not in materialized.stale()


def test_a_table_that_cannot_be_read_does_not_stop_the_sensor(
    materialized: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object) -> None:
        raise DamagedTableError("as the test wants it")

    before = last_evaluation(materialized)
    monkeypatch.setattr("tshirt_assets.orchestration.freshness.changed_inputs", damaged)
    materialized.path("b.jsonl").unlink()
    materialized.write("d.jsonl", make_rows(3, 2))
    materialized.sensor_tick()
    assert materialized.shard("d-")
    assert last_evaluation(materialized) == before
