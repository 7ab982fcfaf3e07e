"""A corpus.yaml to start from, by a look at the files."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tshirt_assets.cli import main
from tshirt_assets.config import CorpusConfig


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def init(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["init", *arguments])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_known_rows_need_no_columns(folder: Path) -> None:
    write(folder / "my data" / "a.jsonl", [{"instruction": "Say hi.", "output": "Hi."}] * 3)
    result = init("my data")
    assert result.exit_code == 0, result.output
    config = CorpusConfig.from_yaml(folder / "corpus.yaml")
    assert config.name == "my_data"
    assert config.paths == (str(folder / "my data"),)
    assert config.columns.model_dump(exclude_none=True) == {}
    assert "first rows: 3, of which 3 can be used" in result.stdout
    assert "##   1 files: 1 json" in (folder / "corpus.yaml").read_text()


def test_other_names_and_the_domain_are_found(folder: Path) -> None:
    rows = [
        {"Question": f"What is {i}?", "Answer": f"{i} is a number.", "topic": "ab"[i % 2] * 3}
        for i in range(10)
    ]
    write(folder / "qa" / "x.jsonl", rows)
    result = init("qa/*.jsonl")
    assert result.exit_code == 0, result.output
    columns = CorpusConfig.from_yaml(folder / "corpus.yaml").columns
    assert columns.model_dump(exclude_none=True) == {
        "instruction": "Question",
        "response": "Answer",
        "domain": "topic",
    }
    assert "domains: aaa (5), bbb (5)" in result.stdout


def test_a_conversation_under_another_name_is_found(folder: Path) -> None:
    turns = [{"role": "user", "content": "Say hi."}, {"role": "assistant", "content": "Hi."}]
    write(folder / "chat.jsonl", [{"dialogue": turns}])
    assert init("chat.jsonl").exit_code == 0
    config = CorpusConfig.from_yaml(folder / "corpus.yaml")
    assert (config.name, config.columns.messages) == ("chat", "dialogue")


def test_many_files_become_the_glob_that_stands_for_them(folder: Path) -> None:
    rows = [{"instruction": "Say hi.", "output": "Hi."}]
    files = [str(write(Path(f"raw/{i}.jsonl"), rows)) for i in range(7)]
    assert init(*files).exit_code == 0
    assert CorpusConfig.from_yaml("corpus.yaml").paths == (str(folder / "raw" / "*.jsonl"),)
    assert init(*files[:6], "--force").exit_code == 0  # not all of them
    assert len(CorpusConfig.from_yaml("corpus.yaml").paths) == 6


def test_a_file_that_is_there_is_not_written_over(folder: Path) -> None:
    write(folder / "a.jsonl", [{"instruction": "Say hi.", "output": "Hi."}])
    (folder / "corpus.yaml").write_text("mine")
    result = init("a.jsonl")
    assert result.exit_code == 2
    assert "is there already" in result.stderr
    assert (folder / "corpus.yaml").read_text() == "mine"


def test_rows_that_cannot_be_used_are_said(folder: Path) -> None:
    write(folder / "a.jsonl", [{"left": "x", "right": "y"}])
    result = init("a.jsonl")
    assert result.exit_code == 1
    assert "fields: left, right" in result.stdout
    assert "no row seen can be used" in result.stderr
    assert (folder / "corpus.yaml").is_file()  # to be completed
    assert init("none/*.jsonl", "-o", "other.yaml").exit_code == 2
