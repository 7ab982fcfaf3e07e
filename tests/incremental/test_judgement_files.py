"""Judgements come from files and go to files; a bad line is told and stops no other."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tshirt_assets.corpus.sample import SAMPLES_SCHEMA
from tshirt_assets.incremental.judgement_files import export_judgements, import_judgements
from tshirt_assets.incremental.judgements import Judgement, JudgementError, read_judgements, record
from tshirt_assets.store.store import Store

A, B = "a" * 32, "b" * 32


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def said(store: Store) -> dict[str, tuple[str | None, ...]]:
    columns = ("sample_id", "verdict", "label", "note", "who")
    return {row[0]: row[1:] for row in read_judgements(store, "c").select(columns).iter_rows()}


def test_good_lines_count_and_bad_ones_are_told(store: Store, tmp_path: Path) -> None:
    import pyarrow as pa

    row = {"sample_id": B, "shard": "one", "row": 3, "status": "ok"}
    store.write("c", "samples", "one", pa.Table.from_pylist([row], SAMPLES_SCHEMA), {})
    file = tmp_path / "said.csv"
    file.write_text(
        "sample_id,shard,row,verdict,note\n"
        f"{A},,,keep,fine\n"
        ",one,3,drop,\n"
        ",one,4,drop,\n"
        ",other,1,drop,\n"
        f"{A},,,maybe,\n"
        f"{A},,\n"
        "xyz,,,keep,\n"
    )
    found = import_judgements(store, "c", file, "ada")
    assert said(store) == {A: ("keep", None, "fine", "ada"), B: ("drop", None, None, "ada")}
    assert (found.recorded, found.lines) == (2, 7)
    assert [fault.split(": ")[0] for fault in found.faults] == [
        f"said.csv:{n}" for n in range(4, 9)
    ]
    again = import_judgements(store, "c", file, "bob")
    assert (again.recorded, len(again.faults)) == (0, 5)


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_what_is_exported_says_the_same_elsewhere_and_nothing_new_here(
    store: Store, tmp_path: Path, ending: str
) -> None:
    entries = [
        Judgement(A, "keep", note='two\nlines, "quoted"', who="ada"),
        Judgement(B, label="x"),
    ]
    record(store, "c", entries)
    file = tmp_path / f"said{ending}"
    assert export_judgements(store, "c", file) == 2
    other = Store(str(tmp_path / "other"))
    assert import_judgements(other, "c", file).recorded == 2
    assert said(other) == said(store)
    assert read_judgements(other, "c")["at"].equals(read_judgements(store, "c")["at"])
    assert import_judgements(store, "c", file).recorded == 0
    assert import_judgements(other, "c", file).recorded == 0


def test_null_takes_back_and_an_absent_field_leaves(store: Store, tmp_path: Path) -> None:
    record(store, "c", [Judgement(A, "keep", "x", "y", who="ada")])
    file = tmp_path / "said.jsonl"
    file.write_text(f'{{"sample_id": "{A}", "verdict": null}}\n\nno json\n[1]\n')
    found = import_judgements(store, "c", file, "bob")
    assert said(store) == {A: (None, "x", "y", "bob")}
    assert found.faults == (
        "said.jsonl:3: is no JSON object",
        "said.jsonl:4: is no JSON object",
    )


def test_another_ending_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(JudgementError, match=r"\.csv or \.jsonl"):
        export_judgements(store, "c", tmp_path / "said.xlsx")


@given(st.binary(max_size=200), st.sampled_from([".csv", ".jsonl"]))
@settings(max_examples=60, deadline=None)
def test_no_file_ends_in_an_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, ending: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    file = folder / f"fuzz{ending}"
    file.write_bytes(b"sample_id,verdict\n" + content)
    found = import_judgements(Store(str(folder / "fuzz")), "c", file)
    assert found.recorded == 0
    assert len(found.faults) == found.lines
