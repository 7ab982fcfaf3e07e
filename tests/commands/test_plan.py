"""`tshirt-assets plan` as a user calls it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.corpora import NAME, Corpus
from tshirt_assets.cli import main
from tshirt_assets.commands.plan import duration, plan_lines
from tshirt_assets.incremental.planning.kept_plan import last_plan
from tshirt_assets.incremental.planning.planned import Plan, PlannedAsset


def call(corpus: Corpus, *options: str) -> Result:
    return CliRunner().invoke(main, ["plan", str(corpus.file), *options])


def test_it_prints_a_table_and_keeps_the_plan(corpus: Corpus) -> None:
    result = call(corpus)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "corpus tiny: 32 usable rows in 3 shards"
    assert lines[2].split() == ["asset", "rows", "stored", "tokens", "FLOP", "time", "disk"]
    assert any(line.split()[:3] == ["token_scores", "31", "0"] for line in lines)
    assert "0 of 31 rows are scored already" in result.stdout
    assert "not needed, skipped: relevance, calibration" in result.stdout
    assert "from a probe of" in result.stdout
    assert last_plan(corpus.store, NAME) is not None
    assert not corpus.instance.get_dynamic_partitions(NAME)


def test_its_json_has_these_keys(materialized: Corpus) -> None:
    result = call(materialized, "--json")
    assert result.exit_code == 0
    plan = json.loads(result.stdout)
    assert {*plan} == {
        *("format", "corpus", "created", "device", "rows", "shards", "exact", "start_seconds"),
        *("assets", "skipped", "unreadable", "basis", "total"),
    }
    keys = {"asset", "rows", "reused", "tokens", "flops", "seconds", "bytes"}
    assert {*plan["total"]} == keys
    assert all({*asset} == keys for asset in plan["assets"])
    assert plan["total"]["tokens"] == 0
    assert "nothing is missing" in call(materialized).stdout


def test_bad_input_is_said_in_a_line(corpus: Corpus) -> None:
    corpus.write("broken.jsonl", ["{no json", "{none"])
    corpus.path("odd.parquet").write_text("no parquet")
    result = call(corpus)
    assert result.exit_code == 0
    assert "left out: odd" in result.stdout
    assert "broken.jsonl" in result.stderr

    corpus.configure(scorer={"path": str(corpus.folder / "absent")})
    result = call(corpus)
    assert result.exit_code == 1
    assert "no such file or folder; check `path`" in result.stderr


def test_without_a_row_there_is_no_plan(corpus: Corpus) -> None:
    for file in list((corpus.folder / "rows").iterdir()):
        file.unlink()
    result = call(corpus)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "no file matches" in result.stderr
    corpus.write("a.jsonl", ["{no json"])
    result = call(corpus)
    assert result.exit_code == 1
    assert "has a row that can be used" in result.stderr


def test_a_damaged_table_counts_as_missing(materialized: Corpus) -> None:
    [table] = Path(materialized.config.store).glob(f"{NAME}.token_scores.a-*")
    for file in (table / "_versions").iterdir():
        file.write_bytes(b"damaged")
    result = call(materialized, "--json")
    assert result.exit_code == 0, result.output
    [scored] = [a for a in json.loads(result.stdout)["assets"] if a["asset"] == "token_scores"]
    assert scored["rows"] in (9, 10)  # one of its rows is in another file, too


def test_lines_of_a_large_plan_fit_the_terminal() -> None:
    numbers = {"rows": 1_234_567_890, "reused": 987_654_321, "tokens": 123_456_789_012}
    asset = PlannedAsset("selected_subset", flops=1.2e20, seconds=3.1e6, bytes=1 << 40, **numbers)
    plan = Plan("c", "2026-11-27T12:00:00+00:00", "cpu", 9, 1, True, 8.0, (asset,))
    assert max(map(len, plan_lines(plan))) <= 80


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "under 1 s"),
        (99.4, "99 s"),
        (100, "2 min"),
        (3_600, "60 min"),
        (7_200, "2 h 00"),
        (400_000, "4.6 d"),
    ],
)
def test_times_are_what_people_say(seconds: float, text: str) -> None:
    assert duration(seconds) == text
