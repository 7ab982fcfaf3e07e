"""What is due, phase by phase; what fails is left out and not asked for without end."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.orchestration.recorded import RECIPES, Recorded
from tshirt_assets.orchestration.automation_conditions import ATTEMPTS


@pytest.fixture
def corpus(tmp_path: Path) -> Recorded:
    return Recorded(tmp_path, {"automation": {}})


def make_all(corpus: Recorded, *left_out: str) -> list[set[str]]:
    """Do what is asked for until nothing is; the assets of each tick. left_out: files that fail."""
    phases = []
    while asked := corpus.tick():
        phases.append(set(asked))
        assert len(phases) < 20, phases
        for asset, names in asked.items():
            for name in names:
                if name not in left_out:
                    made(corpus, asset, name)
    return phases


def made(corpus: Recorded, asset: str, name: str) -> None:
    shards = {shard.rpartition("-")[0]: shard for shard in corpus.shards}
    corpus.made(asset, None if name == "None" else shards.get(name, name), version=f"of {name}")


def test_a_corpus_without_a_file_asks_for_nothing(corpus: Recorded) -> None:
    assert corpus.notice() == []
    assert corpus.tick() == {}
    assert corpus.tick() == {}


def test_many_files_are_one_request_for_each_phase(corpus: Recorded) -> None:
    names = [f"f{number:03}" for number in range(40)]
    corpus.write(*names)
    corpus.notice()
    assert corpus.tick() == {"samples": names}
    corpus.made("samples", *corpus.shards)
    assert corpus.tick() == {"embeddings": names, "token_scores": names}
    for asset in ("embeddings", "token_scores"):
        corpus.made(asset, *corpus.shards)
    whole = ["None"]
    third = dict.fromkeys(("contenders", "calibration", "neighbours", "search"), whole)
    assert corpus.tick() == third
    for asset in third:
        corpus.made(asset)
    assert corpus.tick() == {"robust_scores": names, "miwv_scores": names}
    for asset in ("robust_scores", "miwv_scores"):
        corpus.made(asset, *corpus.shards)
    assert corpus.tick() == {"selected_subset": sorted(RECIPES)}
    corpus.made("selected_subset", *RECIPES)
    assert corpus.tick() == {}


def test_a_new_file_is_scored_alone_and_the_subsets_follow(corpus: Recorded) -> None:
    corpus.write("a", "b")
    corpus.notice()
    make_all(corpus)
    corpus.write("new")
    corpus.notice()
    assert corpus.tick() == {"samples": ["new"]}
    corpus.made("samples", corpus.shard("new"))
    assert corpus.tick() == {"embeddings": ["new"], "token_scores": ["new"]}
    for asset in ("embeddings", "token_scores"):
        corpus.made(asset, corpus.shard("new"))
    assert set(corpus.tick()) == {"contenders", "calibration", "neighbours", "search"}
    for asset in ("contenders", "calibration", "neighbours", "search"):
        made(corpus, asset, "None")  # as they were: the old shards have nothing to do
    assert corpus.tick() == {"robust_scores": ["new"], "miwv_scores": ["new"]}
    for asset in ("robust_scores", "miwv_scores"):
        corpus.made(asset, corpus.shard("new"))
    assert corpus.tick() == {"selected_subset": sorted(RECIPES)}


def test_a_changed_file_is_read_and_scored_again(corpus: Recorded) -> None:
    corpus.write("a", "b")
    corpus.notice()
    make_all(corpus)
    corpus.write("b", text=" again")
    corpus.notice()
    assert corpus.tick() == {"samples": ["b"]}
    corpus.made("samples", corpus.shard("b"), version="2")
    assert corpus.tick() == {"embeddings": ["b"], "token_scores": ["b"]}


def test_rows_that_are_as_they_were_end_it_there(corpus: Recorded) -> None:
    corpus.write("a")
    corpus.notice()
    make_all(corpus)
    corpus.write("a", text=" again")
    corpus.notice()
    assert make_all(corpus) == [{"samples"}]


def test_a_failing_file_stops_no_other_and_is_not_tried_without_end(corpus: Recorded) -> None:
    corpus.write("a", "bad", "c")
    corpus.notice()
    phases = make_all(corpus, "bad")
    assert phases.count({"samples"}) == ATTEMPTS
    assert phases[-1] == {"selected_subset"}
    assert corpus.tick() == {}
    corpus.write("bad", text=" mended")
    corpus.notice()
    assert corpus.tick() == {"samples": ["bad"]}
    corpus.made("samples", corpus.shard("bad"))
    assert make_all(corpus)[-1] == {"selected_subset"}


def test_a_subset_whose_recipe_changes_is_selected_again(corpus: Recorded) -> None:
    corpus.write("a")
    corpus.notice()
    make_all(corpus)
    corpus.configure(recipes=RECIPES | {"ifd": {"method": "ifd", "budget": 2}})
    assert corpus.notice()[0] == "inputs selected_subset:ifd"
    assert corpus.tick() == {"selected_subset": ["ifd"]}


@pytest.mark.parametrize(
    ("options", "automated"),
    [
        (None, set()),
        ({"cron": "0 3 * * *"}, set()),
        ({"shards": "by_hand"}, {"selected_subset"}),
    ],
)
def test_what_is_automated_is_what_the_option_says(
    corpus: Recorded, options: Any, automated: set[str]
) -> None:
    corpus.configure(automation=options)
    conditions = {
        spec.key.path[-1]
        for spec in corpus.defs.resolve_all_asset_specs()
        if spec.automation_condition is not None
    }
    assert conditions == automated
    sensors = {sensor.name for sensor in corpus.defs.sensors or []}
    assert ("c_automation" in sensors) is bool(automated)


def test_subsets_by_hand_leaves_them_alone(corpus: Recorded) -> None:
    corpus.configure(automation={"subsets": "by_hand"})
    corpus.write("a")
    corpus.notice()
    assert "selected_subset" not in set().union(*make_all(corpus))


def test_nothing_is_asked_for_while_a_run_of_the_corpus_is_unfinished(corpus: Recorded) -> None:
    corpus.write("a")
    corpus.notice()
    job = corpus.defs.resolve_implicit_global_asset_job_def()
    selected = job.get_subset(asset_selection={corpus.binding.key("contenders")})
    run = corpus.instance.create_run_for_job(selected, status=dg.DagsterRunStatus.STARTED)
    assert corpus.tick() == {}
    corpus.instance.report_run_canceled(run)
    assert corpus.tick() == {"samples": ["a"]}
