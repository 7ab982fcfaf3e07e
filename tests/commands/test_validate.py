"""`tshirt-assets validate` as a user calls it, and the same checks at the start of a run."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.corpora import Corpus, make_rows
from tests.tiny import causal_lm
from tshirt_assets.cli import main
from tshirt_assets.commands.run import run_corpus
from tshirt_assets.commands.validate import FILES_BEFORE_A_RUN, refuse_what_would_fail, validate
from tshirt_assets.models.cache import load_count
from tshirt_assets.preflight import inspection
from tshirt_assets.preflight.finding import PreflightError


def call(*arguments: str, **env: str) -> Result:
    return CliRunner().invoke(main, list(arguments), env=env)


def contents(folder: Path) -> dict[Path, bytes | None]:
    """Everything below a folder, with what is in it."""
    return {p: p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def test_a_sound_corpus_has_a_line_per_file_and_a_summary(corpus: Corpus) -> None:
    corpus.configure(max_bad_share=0.5)
    result = call("validate", str(corpus.file))
    assert result.exit_code == 0
    *files, summary = result.stdout.splitlines()
    assert [line.split(": ")[0] for line in files] == ["ok"] * 3
    assert [Path(line.split(": ")[1]).name for line in files] == ["a.jsonl", "b.jsonl", "c.jsonl"]
    assert summary == "0 errors, 0 warnings"


def test_warnings_alone_exit_with_0(corpus: Corpus) -> None:
    recipes = {"one": {"method": "ifd", "budget": 1}}
    corpus.configure(recipes=recipes, max_bad_share=0.5)
    result = call("validate", str(corpus.file))
    assert result.exit_code == 0
    assert "warning: recipes.one.budget: 1 is a single row" in result.stdout
    assert result.stdout.endswith("0 errors, 1 warning\n")


def test_every_error_is_one_line_and_exits_with_1(corpus: Corpus) -> None:
    (corpus.folder / "rows" / "broken.parquet").write_bytes(b"PAR1 not parquet at all PAR1")
    corpus.configure(
        paths=["rows/*", "none/*"], scorer="/no/model", store="corpus.yaml/store", export_dir="x"
    )
    result = call("validate", str(corpus.file))
    assert result.exit_code == 1
    errors = [line for line in result.stdout.splitlines() if line.startswith("error: ")]
    for words in ("none/*", "broken.parquet", "/no/model", "the store path cannot be used"):
        assert sum(words in line for line in errors) == 1
    assert result.stdout.splitlines()[-1].startswith("4 errors, ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: [", "not valid YAML"),
        ("name: c\npaths: [x]\npaths: [y]\n", "the key 'paths' is already in line 2; remove one"),
        ("name: c\nzebra: 1\n", "zebra: unknown key"),
    ],
)
def test_a_configuration_that_cannot_be_read_exits_with_2(
    tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "corpus.yaml"
    file.write_text(text)
    result = call("validate", str(file))
    assert result.exit_code == 2
    assert words in result.stderr
    assert all(line.startswith(f"error: {file}: ") for line in result.stderr.splitlines())


@pytest.mark.parametrize("kind", ["corpus", "materialized"])
def test_nothing_is_written(kind: str, request: pytest.FixtureRequest) -> None:
    corpus = request.getfixturevalue(kind)
    before = contents(corpus.folder)
    validate(corpus.config)
    assert contents(corpus.folder) == before


def test_no_model_is_loaded(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_count()
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    assert not [f for f in validate(corpus.config) if f.severity == "error"]
    assert load_count() == before


def test_a_run_that_would_come_to_nothing_does_not_begin(corpus: Corpus) -> None:
    """The target is needed last: without the check every row would be scored before."""
    corpus.configure(target="/no/such/model")
    result = call("run", str(corpus.file), DAGSTER_HOME=str(corpus.home))
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1] == (
        "error: target: model '/no/such/model': no such file or folder; check `path`"
    )
    assert corpus.store.stored("tiny") == []


def test_a_run_without_any_usable_row_does_not_begin(corpus: Corpus) -> None:
    for file in (corpus.folder / "rows").iterdir():
        file.write_text(json.dumps({"question": "why", "answer": "the cat"}) + "\n")
    with pytest.raises(PreflightError) as caught:
        run_corpus(corpus.instance, corpus.config)
    assert str(caught.value) == "paths: no file of tiny has a row that can be used"


def test_what_a_run_leaves_out_is_reported_and_does_not_stop_it(
    corpus: Corpus, capsys: pytest.CaptureFixture[str]
) -> None:
    (corpus.folder / "rows" / "broken.parquet").write_bytes(b"PAR1 not parquet at all PAR1")
    corpus.configure(paths=["rows/*", "none/*"], max_bad_share=1.0)
    refuse_what_would_fail(corpus.config)
    said = capsys.readouterr().err.splitlines()
    assert [line.startswith("error: ") for line in said] == [True, True]
    assert "none/*" in said[0]
    assert "broken.parquet" in said[1]


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are looked into from here on."""
    paths: list[str] = []
    sample_file = inspection.sample_file
    monkeypatch.setattr(
        inspection, "sample_file", lambda path, c: (paths.append(path), sample_file(path, c))[1]
    )
    return paths


def test_before_a_run_few_of_many_files_are_looked_at(corpus: Corpus, looked: list[str]) -> None:
    for number in range(4 * FILES_BEFORE_A_RUN):
        shutil.copy(corpus.path("a.jsonl"), corpus.path(f"more{number}.jsonl"))
    refuse_what_would_fail(corpus.config)
    assert 0 < len(looked) <= FILES_BEFORE_A_RUN
    looked.clear()
    validate(corpus.config)
    assert len(looked) == 4 * FILES_BEFORE_A_RUN + 3


def test_a_short_context_is_told(corpus: Corpus, tmp_path: Path) -> None:
    folder = shutil.copytree(corpus.models / "lm", tmp_path / "lm")
    causal_lm("gpt2", max_positions=64).save_pretrained(folder)  # type: ignore[operator]
    corpus.configure(scorer={"path": str(folder), "max_length": 400})
    result = call("validate", str(corpus.file))
    assert "it takes 64 tokens, fewer than max_length 400" in result.stdout


def test_files_that_are_stored_as_they_are_are_not_looked_into_again(
    corpus: Corpus, looked: list[str]
) -> None:
    corpus.configure(
        paths=["rows/[ad].jsonl"], recipes={"drawn": {"method": "random", "budget": 2}}
    )
    assert run_corpus(corpus.instance, corpus.config)
    looked.clear()
    corpus.configure(recipes={"drawn": {"method": "random", "budget": 3}})
    assert run_corpus(corpus.instance, corpus.config)
    assert looked == []
    corpus.write("d.jsonl", make_rows(7, 3))
    assert run_corpus(corpus.instance, corpus.config)
    assert len(looked) == 2
