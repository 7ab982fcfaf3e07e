"""Two corpora of one name in one store are told apart; one that moved or grew is itself."""

import json
import shutil
from pathlib import Path

import pytest

from tests.corpora import Corpus, fill, make_rows
from tests.web_files import WebFiles, serving
from tshirt_assets.corpus import patience
from tshirt_assets.preflight.inspection import Inspection
from tshirt_assets.preflight.store_check import store_findings


def lines(corpus: Corpus) -> list[str]:
    return [finding.line for finding in store_findings(Inspection(corpus.config))]


@pytest.fixture
def read(corpus: Corpus) -> Corpus:
    """A corpus whose samples are stored."""
    corpus.register()
    corpus.materialize("samples")
    return corpus


@pytest.fixture
def other(read: Corpus, tmp_path: Path) -> Corpus:
    """Other rows in files of the same names, with the same name and store."""
    corpus = Corpus(tmp_path / "other", read.models, {"store": read.config.store})
    for name, seed in (("a.jsonl", 7), ("b.jsonl", 8)):
        corpus.write(name, make_rows(seed, 10))
    return corpus


def test_an_empty_store_and_the_same_corpus_again_are_fine(read: Corpus, tmp_path: Path) -> None:
    assert lines(read) == []
    fresh = fill(Corpus(tmp_path / "fresh", read.models))
    assert lines(fresh) == []
    assert not Path(fresh.config.store).exists()


def test_another_corpus_of_the_same_name_is_refused(read: Corpus, other: Corpus) -> None:
    assert lines(other) == [
        f"name: {read.config.store} already holds a corpus tiny, of other files "
        f"({read.path('a.jsonl')}); give one of the two another `name` or `store`; where these "
        "files take the place of those, move those away first"
    ]
    other.configure(name="another")
    assert lines(other) == []


def test_files_that_are_gone_leave_room_for_others(read: Corpus, other: Corpus) -> None:
    shutil.rmtree(read.folder / "rows")
    assert lines(other) == []


def test_a_corpus_that_grows_or_shrinks_is_the_same(read: Corpus, other: Corpus) -> None:
    read.configure(paths=["rows/a.jsonl", str(other.folder / "rows")])
    assert lines(read) == []
    read.configure(paths=["rows/b.jsonl"])
    assert lines(read) == []


def test_a_yaml_file_that_moved_is_the_same(read: Corpus, tmp_path: Path) -> None:
    moved = Corpus(
        tmp_path / "moved",
        read.models,
        {"store": read.config.store, "paths": [str(read.folder / "rows/*")]},
    )
    assert lines(moved) == []


def test_a_copied_project_is_the_same(read: Corpus, tmp_path: Path) -> None:
    shutil.copytree(read.folder, tmp_path / "copy")
    assert lines(Corpus(tmp_path / "copy", read.models)) == []


def test_copied_and_renamed_files_are_known_by_their_content(read: Corpus, tmp_path: Path) -> None:
    copy = Corpus(tmp_path / "copy", read.models, {"store": read.config.store})
    shutil.copy(read.path("b.jsonl"), copy.path("renamed.jsonl"))
    assert lines(copy) == []


def test_stores_without_the_record_are_left_alone(read: Corpus, other: Corpus) -> None:
    """As 0.1.0 wrote them: the file is recorded when a shard is read again."""
    for shard in read.shards:
        info = read.store.info("tiny", "samples", shard)
        assert info is not None
        meta = {key: value for key, value in info.meta.items() if key != "source"}
        rows = read.store.read("tiny", "samples", shard)
        read.store.write("tiny", "samples", shard, rows, meta)
    assert lines(other) == []


def test_a_store_that_cannot_be_opened_is_one_line(corpus: Corpus) -> None:
    corpus.configure(store="s3://bucket/x", storage_options={"aws_access_key_id": "${NO_SUCH_KEY}"})
    [line] = lines(corpus)
    assert line.startswith("store: storage_options.aws_access_key_id refers to ${NO_SUCH_KEY}")


def test_a_corpus_that_lies_elsewhere_is_told_apart_too(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience.time, "sleep", lambda seconds: None)
    rows = corpus.path("a.jsonl").read_bytes()
    with serving(WebFiles({"/a.jsonl": rows})) as web:
        corpus.configure(paths=[f"{web.url}/a.jsonl"])
        corpus.register()
        corpus.materialize("samples")
        assert lines(corpus) == []
        other = Corpus(tmp_path / "other", corpus.models, {"store": corpus.config.store})
        other.configure(paths=[f"{web.url}/c.jsonl"])
        other_rows = "".join(f"{json.dumps(row)}\n" for row in make_rows(9, 5))
        web.files["/c.jsonl"] = other_rows.encode()
        [line] = lines(other)
        assert f"of other files ({web.url}/a.jsonl)" in line
        del web.files["/a.jsonl"]
        assert lines(other) == []
