"""Upkeep of a corpus: what recorded subsets pin, what goes, the command and the job."""

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner, Result

from tests.corpora import NAME, RECIPES, Corpus, make_rows
from tshirt_assets.cli import main
from tshirt_assets.incremental.retention import maintain_corpus, recorded_pins
from tshirt_assets.store.compaction import PinnedError
from tshirt_assets.store.faults import StoreError

NOW = timedelta(microseconds=1)


@pytest.fixture
def changed(materialized: Corpus) -> Corpus:
    """The finished corpus, and one shard of it read and scored again after its file changed."""
    materialized.write("a.jsonl", make_rows(7, 10))
    materialized.register()
    materialized.materialize("samples", "token_scores")
    time.sleep(0.01)
    return materialized


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    def call(corpus: Corpus, *arguments: str) -> Result:
        monkeypatch.setenv("DAGSTER_HOME", str(corpus.home))
        return CliRunner().invoke(main, ["maintain", str(corpus.file), *arguments])

    return call


def test_tables_written_again_with_the_same_rows_pin_nothing(materialized: Corpus) -> None:
    for file in ("a.jsonl", "b.jsonl", "c.jsonl"):  # read again, and another version recorded
        os.utime(materialized.path(file), (0, 0))
    materialized.materialize("samples", "token_scores")
    assert recorded_pins(materialized.store, NAME) == []
    time.sleep(0.01)
    report = maintain_corpus(materialized.store, materialized.config, older_than=NOW)
    assert {table.split(".")[1] for table in report.pruned} == {"samples"}  # not the same scores
    assert len(report.pruned) == 3
    assert report.lost == ()


def test_indexes_of_files_that_nobody_reads_go(materialized: Corpus) -> None:
    folder = Path(materialized.config.store) / ".index"
    kept = len(list(folder.iterdir()))
    (folder / "0123.json").write_text("of a file that is gone")
    os.utime(folder / "0123.json", (0, 0))
    week = timedelta(days=7)
    maintain_corpus(materialized.store, materialized.config, older_than=week, dry_run=True)
    assert len(list(folder.iterdir())) == kept + 1
    maintain_corpus(materialized.store, materialized.config, older_than=week)
    assert len(list(folder.iterdir())) == kept


def test_subsets_pin_the_versions_they_were_made_from(changed: Corpus) -> None:
    a = changed.shard("a-")
    pins = recorded_pins(changed.store, NAME)
    names = {
        changed.store.info(NAME, asset, a).name  # type: ignore[union-attr]
        for asset in ("samples", "token_scores")
    }
    assert {pin.table for pin in pins} == names
    assert {pin.version for pin in pins} == {1}
    assert {pin.subset for pin in pins} == set(RECIPES)


def test_refuses_to_prune_what_subsets_need_and_names_them(changed: Corpus) -> None:
    with pytest.raises(PinnedError, match="re-read: ifd, miwv, random, tshirt; keep versions"):
        maintain_corpus(changed.store, changed.config, older_than=NOW)
    a = changed.shard("a-")
    assert changed.store.read(NAME, "samples", a, version=1).num_rows == 10
    report = maintain_corpus(changed.store, changed.config, older_than=NOW, force=True)
    assert report.lost_subsets == sorted(RECIPES)
    with pytest.raises(StoreError, match="version 1 was pruned"):
        changed.store.read(NAME, "samples", a, version=1)


def test_selecting_again_frees_the_old_versions(changed: Corpus) -> None:
    changed.materialize_all()
    time.sleep(0.01)
    assert recorded_pins(changed.store, NAME) == []
    assert maintain_corpus(changed.store, changed.config, older_than=NOW).lost == ()


def test_the_command_refuses_tells_and_obeys(changed: Corpus, call: Callable[..., Result]) -> None:
    kept = call(changed)
    assert kept.exit_code == 0
    assert "0 old versions of 0 tables pruned" in kept.stdout

    told = call(changed, "--older-than", "0m", "--dry-run")
    assert told.exit_code == 0
    assert told.stdout.startswith("dry run: ")
    assert "cannot be re-read any more: ifd, miwv, random, tshirt" in told.stdout

    refused = call(changed, "--older-than", "0m")
    assert refused.exit_code == 1
    assert "ifd, miwv, random, tshirt" in refused.stderr
    assert changed.store.read(NAME, "samples", changed.shard("a-"), version=1).num_rows == 10

    forced = call(changed, "--older-than", "0m", "--force")
    assert forced.exit_code == 0
    assert "4 old versions of 4 tables pruned" in forced.stdout  # of samples, and of a's scores
    assert changed.store.read(NAME, "samples", changed.shard("a-")).num_rows == 10


def test_orphans_are_dropped_only_when_asked_for(
    materialized: Corpus, call: Callable[..., Result]
) -> None:
    a = materialized.shard("a-")
    materialized.path("a.jsonl").unlink()
    materialized.configure(recipes={name: RECIPES[name] for name in ("tshirt", "ifd")})
    assert call(materialized).exit_code == 0
    assert materialized.store.info(NAME, "samples", a) is not None

    refused = call(materialized, "--orphans")
    assert refused.exit_code == 1
    assert "re-read: ifd, tshirt;" in refused.stderr

    assert call(materialized, "--orphans", "--force").exit_code == 0
    assert a not in materialized.shards
    left = materialized.store.stored(NAME)
    assert a not in {info.meta.get("shard") for info in left}
    subsets = {i.meta["shard"] for i in left if i.meta["asset"] == "selected_subset"}
    assert subsets == {"tshirt", "ifd"}


@pytest.mark.parametrize("text", ["7", "d", "-1d", "7 days"])
def test_lengths_of_time_are_checked(
    corpus: Corpus, call: Callable[..., Result], text: str
) -> None:
    result = call(corpus, "--older-than", text)
    assert result.exit_code == 2
    assert "such as 30m, 12h or 7d" in result.stderr


def test_the_job_refuses_and_obeys(changed: Corpus) -> None:
    job = changed.defs.resolve_job_def(f"{NAME}_maintenance")

    def run(**config: object) -> dg.ExecuteInProcessResult:
        return job.execute_in_process(
            run_config={"ops": {f"{NAME}__maintain": {"config": config}}},
            instance=changed.instance,
            raise_on_error=False,
        )

    assert run().success
    refused = run(retention_days=0.0)
    assert not refused.success
    [failure] = refused.get_step_failure_events()
    assert "re-read: ifd, miwv, random, tshirt" in str(failure.step_failure_data.user_failure_data)
    assert run(retention_days=0.0, force=True).success
    with pytest.raises(StoreError, match="pruned"):
        changed.store.read(NAME, "samples", changed.shard("a-"), version=1)
