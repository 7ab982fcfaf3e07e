"""A finding is one line that any terminal can show."""

from tshirt_assets.preflight.finding import Finding


def test_a_finding_reads_place_problem_remedy() -> None:
    finding = Finding("warning", "store", "the disk is small", "take another")
    assert str(finding) == "warning: store: the disk is small; take another"
    assert str(Finding("ok", "a.jsonl", "json, rows seen: 3, all usable")) == (
        "ok: a.jsonl: json, rows seen: 3, all usable"
    )


def test_names_with_newlines_or_broken_bytes_stay_on_one_line_of_text() -> None:
    line = Finding("error", "a\nb\udcff.jsonl", "x\u2028y").line
    assert line == r"a b\udcff.jsonl: x y"
    line.encode()


def test_only_errors_of_the_whole_corpus_stop_a_run() -> None:
    assert Finding("error", "a", "b").stops_a_run
    assert not Finding("error", "a", "b", in_part=True).stops_a_run
    assert not Finding("warning", "a", "b").stops_a_run
