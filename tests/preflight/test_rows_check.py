"""Files and rows before a run: what was seen of each file, and what to set."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.preflight.inspected import GOOD, inspection, write
from tests.web_files import WebFiles, serving
from tshirt_assets.corpus import patience
from tshirt_assets.preflight.file_sample import ROWS, ROWS_WITHOUT_A_USABLE_ONE, sample_file
from tshirt_assets.preflight.finding import Finding
from tshirt_assets.preflight.rows_check import row_findings


def found(folder: Path, **options: object) -> list[Finding]:
    return list(row_findings(inspection(folder, **options)))


def test_a_good_file_is_said_to_be_good(tmp_path: Path) -> None:
    file = write(tmp_path / "rows/a.jsonl", GOOD, GOOD)
    assert list(map(str, found(tmp_path))) == [f"ok: {file}: json, rows seen: 2, all usable"]


def test_few_bad_rows_are_told_and_many_are_a_warning(tmp_path: Path) -> None:
    file = write(tmp_path / "rows/a.jsonl", GOOD, {"instruction": "x", "output": ""}, GOOD)
    counts = "json, rows seen: 3, not usable: 1 (first: row 2: empty_response: the response is"
    [few] = found(tmp_path, max_bad_share=0.5)
    assert str(few).startswith(f"ok: {file}: {counts} empty")
    [many] = found(tmp_path)
    assert str(many).startswith(f"warning: {file}: {counts} empty")
    assert many.line.endswith("; there is no response to learn from")


def test_rows_of_other_fields_say_which_and_what_to_set(tmp_path: Path) -> None:
    file = write(tmp_path / "rows/a.jsonl", *[{"question": "why", "answer": "the cat"}] * 5)
    of_file, of_corpus = found(tmp_path)
    assert of_file.line == (
        f"{file}: json, rows seen: 5, not usable: 5 (first: row 1: missing_field: no "
        "instruction, prompt, messages or conversations field; found: question, answer); fields "
        "found: question, answer; set columns.instruction and columns.response, or "
        "columns.messages, to the names that yours have"
    )
    assert not of_file.stops_a_run
    assert of_corpus.line == "paths: no file of c has a row that can be used"
    assert of_corpus.stops_a_run
    columns = {"instruction": "question", "response": "answer"}
    assert [finding.severity for finding in found(tmp_path, columns=columns)] == ["ok"]


def test_one_usable_file_is_enough_for_a_run(tmp_path: Path) -> None:
    write(tmp_path / "rows/a.jsonl", GOOD)
    (tmp_path / "rows/b.parquet").write_bytes(b"PAR1 not parquet at all PAR1")
    good, broken = found(tmp_path)
    assert (good.severity, broken.severity) == ("ok", "error")
    assert "not a readable Parquet file" in broken.line
    assert not broken.stops_a_run


def test_a_usable_row_after_many_bad_ones_is_found(tmp_path: Path) -> None:
    bad = {"instruction": "x", "output": ""}
    write(tmp_path / "rows/a.jsonl", *[bad] * (3 * ROWS), GOOD)
    [finding] = found(tmp_path)
    assert (finding.severity, finding.stops_a_run) == ("warning", False)


def test_only_the_first_rows_are_read(tmp_path: Path) -> None:
    many = write(tmp_path / "rows/a.jsonl", *[GOOD] * (ROWS + 50))
    none = write(tmp_path / "rows/b.jsonl", *["{}"] * (ROWS_WITHOUT_A_USABLE_ONE + 50))
    config = inspection(tmp_path).config
    assert sample_file(str(many), config).rows == ROWS
    assert sample_file(str(none), config).rows == ROWS_WITHOUT_A_USABLE_ONE


def test_every_pattern_without_a_file_is_named(tmp_path: Path) -> None:
    write(tmp_path / "rows/a.jsonl", GOOD)
    lines = [f.line for f in found(tmp_path, paths=["rows/*", "none/*", "other/*"])]
    assert lines[0] == (f"paths: {tmp_path}/none/*: no file matches; check `paths` of the corpus")
    assert lines[1] == (f"paths: {tmp_path}/other/*: no file matches; check `paths` of the corpus")


def test_a_source_that_cannot_be_reached_is_one_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(patience.time, "sleep", slept.append)
    write(tmp_path / "rows/a.jsonl", GOOD)
    web = "http://127.0.0.1:9/a.jsonl"
    fault, good = found(tmp_path, paths=["rows/*", web])
    assert (fault.severity, good.severity) == ("error", "ok")
    assert fault.line.startswith(f"paths: {web}: cannot be reached after 3 tries")
    assert "check the address, `source_options` and the network" in fault.line
    assert len(slept) == 2


def test_files_of_a_web_server_are_looked_at(tmp_path: Path) -> None:
    lines = "".join(json.dumps(GOOD | {"n": n}) + "\n" for n in range(100_000)).encode()
    with serving(WebFiles({"/a.jsonl": lines})) as web:
        [finding] = found(tmp_path, paths=[f"{web.url}/a.jsonl"])
        assert finding.line == f"{web.url}/a.jsonl: json, rows seen: {ROWS}, all usable"
        assert len(web.asked) < 8  # of the first rows, not of all


@pytest.mark.parametrize(
    ("name", "words"),
    [("a.txt", "not a supported format; use .json"), ("a.jsonl", "has no rows")],
)
def test_files_that_give_nothing(tmp_path: Path, name: str, words: str) -> None:
    write(tmp_path / "rows" / name)
    assert words in found(tmp_path)[0].line


def test_a_file_that_breaks_off_is_an_error_where_the_run_would_leave_it_out(
    tmp_path: Path,
) -> None:
    whole = gzip.compress("".join(json.dumps(GOOD | {"n": n}) + "\n" for n in range(50)).encode())
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows/a.jsonl.gz").write_bytes(whole[:-20])
    write(tmp_path / "rows/b.jsonl", GOOD)
    cut, _ = found(tmp_path, max_bad_share=1.0)
    assert cut.severity == "error"
    assert "file_ends_early" in cut.line
    assert cut.line.endswith("put the whole file in its place, or set on_incomplete to keep")
    kept, _ = found(tmp_path, max_bad_share=1.0, on_incomplete="keep")
    assert kept.severity == "ok"


def test_columns_that_no_row_has_are_named(tmp_path: Path) -> None:
    write(tmp_path / "rows/a.jsonl", GOOD | {"source": "web"})
    _, warning = found(tmp_path, columns={"domain": "sorce"})
    assert str(warning) == (
        "warning: columns.domain: no row seen has a field 'sorce'; did you mean source?; fields "
        "found: instruction, output, source"
    )


def test_a_run_looks_at_some_of_many_files(tmp_path: Path) -> None:
    for number in range(20):
        write(tmp_path / f"rows/{number:02}.jsonl", GOOD)
    some = replace(inspection(tmp_path), most_files=6)
    assert [Path(sample.path).stem for sample in some.samples] == ["00", "04", "08", "12", "16"]


def test_one_usable_row_in_any_of_many_files_lets_a_run_begin(tmp_path: Path) -> None:
    for number in range(20):
        write(tmp_path / f"rows/{number:02}.jsonl", GOOD if number == 13 else {})
    few = replace(inspection(tmp_path), most_files=2)
    assert not any(finding.stops_a_run for finding in row_findings(few))
