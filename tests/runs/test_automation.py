"""A running Dagster keeps a corpus curated while nobody clicks: by itself, and on a schedule."""

import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from tests.corpora import NAME, Corpus, make_rows
from tests.examples.test_daily_ingestion import DAYS, Daily
from tests.webserver import WORKSPACE, dagster_dev
from tshirt_assets.store.store import Store

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]
SECONDS = 1200


def wait(what: Callable[[], bool], corpus: Corpus) -> None:
    deadline = time.monotonic() + SECONDS
    while not what():
        runs = [(run.status.value, run.asset_selection) for run in corpus.instance.get_runs()]
        assert time.monotonic() < deadline, runs
        time.sleep(2)


def chosen(corpus: Corpus, recipe: str) -> set[str]:
    """The shards whose rows are in a subset."""
    store = Store(corpus.config.store)
    if store.info(NAME, "selected_subset", recipe) is None:
        return set()
    return set(corpus.frame("selected_subset", recipe)["shard"])


def has_all(corpus: Corpus, *files: str) -> bool:
    """Whether every subset holds rows of each of these files: the budgets ask for all rows."""
    shards = {shard for shard in corpus.shards if shard.startswith(files)}
    return len(shards) == len(files) and all(
        chosen(corpus, recipe) >= shards for recipe in corpus.config.recipes
    )


def empty(folder: Path, models: Path, **options: object) -> Corpus:
    recipes = {
        "ifd": {"method": "ifd", "budget": 1.0},
        "tshirt": {"method": "tshirt", "budget": 1.0},
    }
    return Corpus(folder, models, {"recipes": recipes, **options})


def ticks(corpus: Corpus, sensor: str) -> list[str]:
    """Statuses of the ticks of a sensor."""
    return [
        tick.status.value
        for state in corpus.instance.all_instigator_state()
        if state.name == sensor
        for tick in corpus.instance.get_ticks(state.instigator_origin_id, state.selector_id)
    ]


def test_files_that_are_dropped_into_the_folder_are_scored_and_selected(
    tmp_path: Path, tiny_models: Path
) -> None:
    corpus = empty(tmp_path / "corpus", tiny_models, automation={})
    with dagster_dev(corpus.file, corpus.home):
        wait(lambda: len(ticks(corpus, f"{NAME}_automation")) > 1, corpus)  # there is no file yet
        assert set(ticks(corpus, f"{NAME}_automation")) <= {"SKIPPED", "STARTED"}
        assert not corpus.instance.get_runs()
        for name in ("a", "b", "d"):
            corpus.write(f"{name}.jsonl", make_rows(ord(name), 5))
        corpus.path("c.parquet").write_bytes(b"PAR1 not parquet at all PAR1")
        wait(lambda: has_all(corpus, "a-", "b-", "d-"), corpus)
        runs = corpus.instance.get_runs()
        failed = [run for run in runs if run.status is dg.DagsterRunStatus.FAILURE]
        assert all(run.asset_selection == {corpus.key("samples")} for run in failed)
        assert 1 <= len(failed) <= 2
        assert len(runs) < 12, [(run.status, run.asset_selection) for run in runs]

        corpus.write("e.jsonl", make_rows(9, 5))
        wait(lambda: has_all(corpus, "a-", "b-", "d-", "e-"), corpus)
        before = {run.run_id for run in runs}
        again = [run for run in corpus.instance.get_runs() if run.run_id not in before]
        assert dg.DagsterRunStatus.FAILURE not in {run.status for run in again}


def test_a_schedule_does_the_same(tmp_path: Path, tiny_models: Path) -> None:
    corpus = empty(tmp_path / "corpus", tiny_models, automation={"cron": "* * * * *"})
    corpus.write("a.jsonl", make_rows(1, 5))
    corpus.path("c.parquet").write_bytes(b"PAR1 not parquet at all PAR1")
    with dagster_dev(corpus.file, corpus.home):
        wait(lambda: has_all(corpus, "a-"), corpus)
        corpus.write("e.jsonl", make_rows(9, 5))
        wait(lambda: has_all(corpus, "a-", "e-"), corpus)


def test_a_day_that_is_ingested_is_scored_and_selected(
    tmp_path: Path, tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daily = Daily(tmp_path / "corpus", tiny_models)
    daily.configure(automation={})
    monkeypatch.setenv("DAGSTER_HOME", str(daily.home))
    monkeypatch.setenv("TSHIRT_ASSETS_INBOX", str(daily.folder / "inbox"))
    module = "tshirt_assets.examples.daily_ingestion"
    workspace = WORKSPACE.replace("tshirt_assets.definitions", module)
    with dagster_dev(daily.file, daily.home, workspace):
        daily.ingest(DAYS[0], make_rows(1, 5))
        wait(lambda: chosen(daily, "ifd") == {DAYS[0]}, daily)
        daily.ingest(DAYS[1], make_rows(2, 5))
        wait(lambda: chosen(daily, "random") == set(DAYS[:2]), daily)
        computed = {day: daily.metadata("token_scores", day)["computed"] for day in DAYS[:2]}
        assert computed == {DAYS[0]: 5, DAYS[1]: 5}
