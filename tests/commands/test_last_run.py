"""A run over a corpus in which nothing has changed does nothing, and only then."""

import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.corpora import Corpus, make_rows
from tests.runs import damage as d
from tshirt_assets.commands.last_run import LastRun
from tshirt_assets.commands.piece_state import PieceStates
from tshirt_assets.commands.run import run_corpus
from tshirt_assets.incremental.catalog import ASSETS, AssetRecord, needed_assets
from tshirt_assets.report.serve import report_file
from tshirt_assets.report.signing import page_fault

OPTIONS: dict[str, Any] = {
    "robustness": {"estimator": "analytic", "neighbours": 2},
    "recipes": {
        "miwv": {"method": "miwv", "budget": 3},
        "tshirt": {"method": "tshirt", "budget": 3},
    },
    "semantic_search": True,
}
MADE = dg.DagsterEventType.ASSET_MATERIALIZATION
TABLES = ("samples", "embeddings", "token_scores", "robust_scores", "miwv_scores")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> Corpus:
    corpus = Corpus(tmp_path_factory.mktemp("ran") / "corpus", tiny_models, dict(OPTIONS))
    corpus.write("a.jsonl", make_rows(0, 6))
    assert run_corpus(corpus.instance, corpus.config)
    return corpus


def kept(corpus: Corpus) -> LastRun:
    """What the last run left."""
    return LastRun(corpus.instance, corpus.config, logging.getLogger("test"))


def idle(corpus: Corpus) -> bool:
    """Whether a run would find nothing to do."""
    return kept(corpus).has(needed_assets(corpus.config))


def test_nothing_is_run_again(ran: Corpus, capsys: pytest.CaptureFixture[str]) -> None:
    runs, tables = ran.instance.get_runs_count(), ran.store.stored(ran.config.name)
    assert run_corpus(ran.instance, ran.config)
    assert "nothing has changed since the last run" in "".join(capsys.readouterr())
    assert ran.instance.get_runs_count() == runs
    assert ran.store.stored(ran.config.name) == tables


def test_the_checks_that_failed_are_told_again(
    ran: Corpus, capsys: pytest.CaptureFixture[str]
) -> None:
    few = "warning: check samples.rows_usable: few"
    before = {r.name: kept(ran).failed_checks(r) for r in ASSETS.values()}
    kept(ran).keep(before | {"samples": [few]})
    assert run_corpus(ran.instance, ran.config)
    assert few in capsys.readouterr().err
    kept(ran).keep(before)


def damages() -> dict[str, Callable[[Corpus], None]]:
    found: dict[str, Callable[[Corpus], None]] = {
        f"{name}: a value flipped": d.flipped_value((name, "a-")) for name in TABLES
    }
    for name in ("contenders", "neighbours", "search", "calibration"):
        found[f"{name}: a value flipped"] = d.flipped_value((name, None))
    found["a table gone"] = d.dropped(("token_scores", "a-"))
    found["a fact changed"] = d.flipped_fact(("contenders", None))
    found["an export gone"] = d.file_gone("miwv", "messages.jsonl")
    found["a report cut"] = d.file_written("tshirt", "report.html", lambda page: page[:-100])
    return found


@pytest.mark.parametrize("kind", damages())
def test_what_is_damaged_is_run_again(ran: Corpus, tmp_path: Path, kind: str) -> None:
    places = (ran.config.store, ran.config.export_dir)
    for place in places:
        shutil.copytree(place, tmp_path / Path(place).name)
    assert idle(ran)
    try:
        damages()[kind](ran)
        assert not idle(ran)
    finally:
        for place in places:
            shutil.rmtree(place)
            shutil.copytree(tmp_path / Path(place).name, place)
    assert idle(ran)


def test_what_was_copied_is_read_once(ran: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    is_sound = PieceStates.is_sound

    def told(self: PieceStates, record: AssetRecord, partition: str) -> bool:
        read.append(record.name)
        return is_sound(self, record, partition)

    monkeypatch.setattr(PieceStates, "is_sound", told)
    [table] = Path(ran.config.store).glob("*.token_scores.a-*")
    moved = table.with_name("moved")
    shutil.copytree(table, moved)
    shutil.rmtree(table)
    moved.rename(table)
    assert idle(ran)
    assert read == ["token_scores"]
    assert idle(ran)
    assert read == ["token_scores"]


def test_a_file_written_again_with_the_same_size_is_a_change(ran: Corpus) -> None:
    [path] = Path(ran.folder / "rows").iterdir()
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert not idle(ran)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert idle(ran)


def test_a_new_file_and_another_option_are_changes(ran: Corpus) -> None:
    ran.write("b.jsonl", make_rows(1, 3))
    assert not idle(ran)
    ran.path("b.jsonl").unlink()
    assert idle(ran)
    recipes = dict(ran.config.recipes)
    other = ran.config.model_copy(
        update={"recipes": recipes | {"miwv": recipes["miwv"].model_copy(update={"budget": 4})}}
    )
    assert not LastRun(ran.instance, other, logging.getLogger("test")).has(needed_assets(other))


def test_the_report_across_recipes_is_written_again_where_it_is_lost(ran: Corpus) -> None:
    page, runs = report_file(ran.config), ran.instance.get_runs_count()
    page.unlink()
    assert run_corpus(ran.instance, ran.config)
    assert page_fault(page) is None
    assert made_since(ran, runs) == {"selected_subset": {"miwv", "tshirt"}}
    assert ran.metadata("selected_subset", "tshirt")["recipes_compared"] == str(page)
    assert idle(ran)


def test_what_dagster_has_forgotten_is_run_again(ran: Corpus) -> None:
    ran.instance.wipe_assets([ran.key("token_scores")])
    assert not idle(ran)


def made_since(corpus: Corpus, runs: int) -> dict[str, set[str]]:
    """The partitions that were materialized since there were so many runs, by asset."""
    new = corpus.instance.get_runs()[: corpus.instance.get_runs_count() - runs]
    found: dict[str, set[str]] = {}
    for run in new:
        for event in corpus.instance.all_logs(run.run_id, of_type=MADE):
            made = event.get_dagster_event().step_materialization_data.materialization
            found.setdefault(made.asset_key.path[-1], set()).add(made.partition or "")
    return found


def test_only_what_a_change_reaches_is_run(
    tmp_path: Path, tiny_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = Corpus(tmp_path / "corpus", tiny_models, dict(OPTIONS))
    corpus.write("a.jsonl", make_rows(0, 6))
    corpus.write("b.jsonl", make_rows(1, 6))
    assert run_corpus(corpus.instance, corpus.config)
    a, b = corpus.shard("a-"), corpus.shard("b-")
    assert corpus.stale() == {}

    recipes = {**OPTIONS["recipes"], "miwv": {"method": "miwv", "budget": 2}}
    corpus.configure(recipes=recipes)
    runs = corpus.instance.get_runs_count()
    page = Path(corpus.config.export_dir) / corpus.config.name / "tshirt" / "report.html"
    written = page.read_bytes()
    capsys.readouterr()
    assert run_corpus(corpus.instance, corpus.config)
    assert "[4/4] selected_subset" in capsys.readouterr().err  # what is passed by is no step
    assert made_since(corpus, runs) == {
        "contenders": {""},
        "calibration": {""},
        "robust_scores": {a, b},
        "selected_subset": {"miwv"},
    }
    assert corpus.metadata("selected_subset", "miwv")["budget"] == 2
    assert page.read_bytes() == written
    assert corpus.stale() == {}

    changed = make_rows(1, 6)
    changed[3]["output"] = "another answer altogether"
    corpus.write("b.jsonl", changed)
    runs = corpus.instance.get_runs_count()
    assert run_corpus(corpus.instance, corpus.config)
    made = made_since(corpus, runs)
    assert made["samples"] == made["embeddings"] == made["token_scores"] == {b}
    assert corpus.metadata("token_scores", b)["computed"] == 1
    assert made["miwv_scores"] == {a, b}
    assert made["selected_subset"] == {"miwv", "tshirt"}
    assert corpus.stale() == {}
    assert idle(corpus)
