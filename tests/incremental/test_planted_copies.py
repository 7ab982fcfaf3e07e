"""Copies that evidence planted: which there are, their upkeep, what is wrong with them."""

import json
import shutil
from datetime import timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from click.testing import CliRunner

from tests.corpora import NAME, Corpus, make_rows
from tshirt_assets.cli import main
from tshirt_assets.evidence.lending import lend_scores
from tshirt_assets.evidence.planted_copy import make_copy
from tshirt_assets.evidence.planting import Planting
from tshirt_assets.incremental.columns import EVIDENCE
from tshirt_assets.incremental.planted_copies import (
    copy_folder,
    copy_name,
    outdated_copies,
    stored_copies,
)
from tshirt_assets.incremental.retention import maintain_corpus
from tshirt_assets.incremental.writing import write_table

WEEK = timedelta(days=7)
COPY = copy_name(NAME, 4)


@pytest.fixture
def planted(materialized: Corpus) -> Corpus:
    """A finished corpus, a planted copy with the scores of its rows, and evidence for a recipe."""
    shards = materialized.shards
    rows = pl.concat([materialized.frame("samples", shard) for shard in shards])
    rows = rows.filter(pl.col("status") == "ok").unique("sample_id").sort("sample_id")
    bad = rows["sample_id"][0]
    planting = Planting(4, {bad: "refusal"}, {bad: "No."}, {"refusal": 1})
    make_copy(materialized.config, rows, planting)
    lend_scores(materialized.store, NAME, COPY, rows["sample_id"].to_list()[1:])
    row = {"rule": "ifd", "budget": 0.05, "corrupted_share": 0.5}
    figures = pa.Table.from_pylist([row], schema=EVIDENCE)
    write_table(materialized.store, NAME, "evidence", "ifd", figures)
    return materialized


def copied(corpus: Corpus) -> list[Path]:
    return sorted(Path(corpus.config.store).glob(f"{COPY}.*"))


def call(corpus: Corpus, monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    monkeypatch.setenv("DAGSTER_HOME", str(corpus.home))
    return CliRunner().invoke(main, [words[0], str(corpus.file), *words[1:]]).output


def test_a_copy_of_rows_that_are_there_is_kept_up_like_the_corpus(planted: Corpus) -> None:
    assert stored_copies(planted.store, NAME) == {COPY: 4}
    assert outdated_copies(planted.store, planted.config) == {}
    own = len(planted.store.stored(NAME))
    report = maintain_corpus(planted.store, planted.config, older_than=WEEK, orphans=True)
    assert report.tables == own + len(copied(planted))
    assert (report.dropped, report.outdated) == ((), ())
    assert copied(planted)


def test_a_copy_of_rows_that_are_gone_is_named_and_dropped_when_asked_for(
    planted: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted.write("a.jsonl", make_rows(7, 10))
    planted.register()
    planted.materialize("samples")
    assert outdated_copies(planted.store, planted.config) == {COPY: 4}
    assert f"which `--orphans` drops: {COPY}" in call(planted, monkeypatch, "maintain")
    names = [path.stem for path in copied(planted)]
    told = call(planted, monkeypatch, "maintain", "--orphans", "--dry-run")
    assert all(f"dropped {name}" in told for name in names)
    assert len(copied(planted)) == len(names) > 3
    call(planted, monkeypatch, "maintain", "--orphans")
    assert copied(planted) == []
    assert planted.frame("evidence", "ifd").height == 1
    assert not copy_folder(planted.config, 4).exists()
    assert planted.frame("token_scores", planted.shard("b-")).height


def test_a_corpus_of_such_a_name_is_no_copy(planted: Corpus) -> None:
    shutil.rmtree(copy_folder(planted.config, 4))
    assert outdated_copies(planted.store, planted.config) == {COPY: 4}
    subset = planted.store.read(NAME, "selected_subset", "ifd")
    planted.store.write(COPY, "selected_subset", "ifd", subset, {})
    assert stored_copies(planted.store, NAME) == {}


def test_verify_reads_the_tables_of_copies_too(
    planted: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = json.loads(call(planted, monkeypatch, "verify", "--json"))
    assert sound["faults"] == []
    assert sound["tables"] >= len(copied(planted)) + len(planted.store.stored(NAME))
    [scores] = Path(planted.config.store).glob(f"{COPY}.token_scores.*")
    for file in (scores / "data").iterdir():
        file.unlink()
    [fault] = json.loads(call(planted, monkeypatch, "verify", "--json"))["faults"]
    assert fault["place"].startswith(f"{COPY}, planted: ")
    assert fault["remedy"] == "make the evidence again with `tshirt-assets evidence`"
