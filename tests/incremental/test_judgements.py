"""What people judged is a log: what was said last counts, and nothing that was said is lost."""

import multiprocessing
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from tshirt_assets.incremental.judgements import (
    JUDGEMENTS,
    Judgement,
    JudgementError,
    damaged_entries,
    read_judgements,
    read_log,
    record,
    verdicts,
    verdicts_version,
)
from tshirt_assets.store.faults import DamagedTableError
from tshirt_assets.store.store import Store

A, B, C = ("a" * 32, "b" * 32, "c" * 32)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def judged(store: Store) -> dict[str, tuple[str | None, ...]]:
    frame = read_judgements(store, "corpus").select("sample_id", "verdict", "label", "note")
    return {row[0]: row[1:] for row in frame.iter_rows()}


def test_nobody_has_judged(store: Store) -> None:
    assert read_judgements(store, "corpus").is_empty()
    assert verdicts_version(read_judgements(store, "corpus")) == ""
    assert record(store, "corpus", []) == 0
    assert store.database.names() == []


def test_what_was_said_last_counts_for_each_field(store: Store) -> None:
    record(store, "corpus", [Judgement(A, "keep", "good", who="ada"), Judgement(B, note="why?")])
    record(store, "corpus", [Judgement(A, label="best", who="bob"), Judgement(B, "drop")])
    assert judged(store) == {A: ("keep", "best", None), B: ("drop", None, "why?")}
    [row] = verdicts(read_judgements(store, "corpus")).filter(sample_id=A).to_dicts()
    assert (row["verdict"], row["who"]) == ("keep", "ada")
    assert read_judgements(store, "corpus").filter(sample_id=A)["who"].item() == "bob"


def test_what_is_taken_back_is_gone_but_in_the_log(store: Store) -> None:
    record(store, "corpus", [Judgement(A, "keep", "x"), Judgement(B, "drop")])
    record(store, "corpus", [Judgement.of({"sample_id": A, "verdict": None, "label": None})])
    assert judged(store) == {B: ("drop", None, None)}
    assert read_log(store, "corpus").height == 3


def test_only_verdicts_make_the_version(store: Store) -> None:
    record(store, "corpus", [Judgement(A, "keep")])
    first = verdicts_version(read_judgements(store, "corpus"))
    record(store, "corpus", [Judgement(A, label="x"), Judgement(B, note="y")])
    assert verdicts_version(read_judgements(store, "corpus")) == first != ""
    record(store, "corpus", [Judgement(A, "drop")])
    assert verdicts_version(read_judgements(store, "corpus")) not in (first, "")
    record(store, "corpus", [Judgement.of({"sample_id": A, "verdict": None})])
    assert verdicts_version(read_judgements(store, "corpus")) == ""


def test_saying_the_same_again_adds_nothing(store: Store) -> None:
    assert record(store, "corpus", [Judgement(A, "keep", who="ada")] * 2) == 1
    assert record(store, "corpus", [Judgement(A, "keep", who="bob")]) == 0
    at = datetime(2026, 1, 2, tzinfo=UTC)
    dated = Judgement(B, "drop", who="ada", at=at)
    assert record(store, "corpus", [dated]) == 1
    assert record(store, "corpus", [dated]) == 0


def test_an_earlier_entry_does_not_override_and_a_clock_ahead_does_not_win(store: Store) -> None:
    record(store, "corpus", [Judgement(A, "keep", who="ada")])
    record(store, "corpus", [Judgement(A, "drop", who="bob", at=datetime(2020, 1, 1, tzinfo=UTC))])
    assert judged(store)[A][0] == "keep"
    ahead = datetime.now(UTC) + timedelta(days=400)
    record(store, "corpus", [Judgement(A, "drop", who="bob", at=ahead)])
    record(store, "corpus", [Judgement(A, "keep", who="ada")])
    assert judged(store)[A][0] == "keep"
    assert read_log(store, "corpus")["at"].max() < ahead  # type: ignore[operator]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"verdict": "keep"}, "32 hex digits"),
        ({"sample_id": "x' OR 1=1", "verdict": "keep"}, "32 hex digits"),
        ({"sample_id": A}, "nothing is said"),
        ({"sample_id": A, "verdict": "maybe"}, "write keep or drop"),
        ({"sample_id": A, "verdict": 1}, "is no text"),
        ({"sample_id": A, "label": "x" * 201}, "longer than 200"),
        ({"sample_id": A, "note": "\ud800"}, "no text"),
        ({"sample_id": A, "mark": "x"}, "unknown field 'mark'"),
    ],
)
def test_what_is_no_judgement_is_refused_in_a_sentence(
    values: dict[str, object], said: str
) -> None:
    with pytest.raises(JudgementError, match=said):
        Judgement.of(values)


def test_changed_entries_are_told(store: Store) -> None:
    record(store, "corpus", [Judgement(A, "keep"), Judgement(B, "drop")])
    log = read_log(store, "corpus")
    assert damaged_entries(log) == []
    keep = pl.when(sample_id=B).then(pl.lit("keep")).otherwise("verdict")
    forged = log.with_columns(verdict=keep)
    assert damaged_entries(forged) == log.filter(sample_id=B)["judgement_id"].to_list()


def test_a_log_that_cannot_be_opened_is_not_replaced(store: Store) -> None:
    record(store, "corpus", [Judgement(A, "keep")])
    [table] = Path(store.database.uri).glob("*.lance")
    shutil.rmtree(table / "data")
    for manifest in (table / "_versions").iterdir():
        manifest.write_bytes(b"no manifest, LANC")
    before = sorted(table.rglob("*"))
    with pytest.raises(DamagedTableError, match=JUDGEMENTS):
        record(store, "corpus", [Judgement(B, "keep")])
    assert sorted(table.rglob("*")) == before


def write(uri: str, writer: int, barrier: object) -> None:
    store = Store(uri)
    barrier.wait()  # type: ignore[attr-defined]
    for number in range(4):
        record(store, "corpus", [Judgement(f"{writer:016x}{number:016x}", "keep", who="w")])


def test_two_processes_that_begin_the_log_at_once_lose_nothing(store: Store) -> None:
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(2)
    writers = [spawn.Process(target=write, args=(store.database.uri, n, barrier)) for n in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert read_judgements(store, "corpus").height == 8
