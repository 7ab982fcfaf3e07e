"""The command line as a user calls it: a corpus.yaml, text on the terminal, exit codes."""

import os
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from tests.corpora import Corpus
from tshirt_assets.cli import main


def call(corpus: Corpus, *arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), env={"DAGSTER_HOME": str(corpus.home)})


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> tuple[Corpus, Result]:
    """A corpus after `tshirt-assets run`, with a broken row and a file that cannot be read."""
    from tests.corpora import fill

    corpus = fill(Corpus(tmp_path_factory.mktemp("cli") / "corpus", tiny_models))
    (corpus.folder / "rows" / "broken.parquet").write_bytes(b"PAR1 not parquet at all PAR1")
    corpus.configure(paths=["rows/*"])
    return corpus, call(corpus, "run", str(corpus.file))


def test_run_scores_what_can_be_read_and_names_what_cannot(ran: tuple[Corpus, Result]) -> None:
    _, result = ran
    assert result.exit_code == 1
    assert "broken" in result.output
    assert "Traceback" not in result.stdout
    assert "tau " in result.stdout
    assert "overlap of the selections" in result.stdout
    for recipe in ("tshirt", "miwv", "ifd", "random"):
        assert f"{recipe}: " in result.stdout


def test_show_repeats_the_summary(ran: tuple[Corpus, Result]) -> None:
    corpus, result = ran
    shown = call(corpus, "show", str(corpus.file))
    assert shown.exit_code == 0
    assert shown.stdout.strip() in result.stdout


def test_reports_and_exports_lie_where_the_summary_says(ran: tuple[Corpus, Result]) -> None:
    corpus, result = ran
    reports = [
        Path(line.split(maxsplit=1)[1])
        for line in result.stdout.splitlines()
        if line.startswith("report ")
    ]
    assert len(reports) == 4
    assert all(report.is_file() for report in reports)
    assert str(corpus.config.store) in result.stdout


def test_shards_lists_and_registers(corpus: Corpus) -> None:
    before = call(corpus, "shards", str(corpus.file))
    assert before.stdout.count(" new ") == 3
    assert "3 new shards are not read yet" in call(corpus, "show", str(corpus.file)).stdout
    after = call(corpus, "shards", str(corpus.file), "--register")
    assert "registered 3 new shards" in after.stdout
    assert after.stdout.count(" registered ") == 3


def test_options_describes_every_option() -> None:
    result = CliRunner().invoke(main, ["options"])
    assert result.exit_code == 0
    for name in ("keep_fraction = 0.75", "estimator = analytic", "on_missing_shards", "budget"):
        assert name in result.stdout
    assert "None" not in [line.strip() for line in result.stdout.splitlines()]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scorer": "/no/such/model"}, "no such file or folder"),
        ({"paths": ["nothing/*.jsonl"]}, "no file matches"),
        ({"kep_fraction": 0.5}, "unknown key; allowed here:"),
        ({"recipes": {"a": {"method": "tshirt", "budget": 1.5}}}, "recipes.a: budget: 1.5"),
    ],
)
def test_mendable_errors_are_one_line_without_traceback(
    corpus: Corpus, options: dict[str, object], message: str
) -> None:
    values = yaml.safe_load(corpus.file.read_text()) | options
    corpus.file.write_text(yaml.safe_dump(values))
    result = call(corpus, "run", str(corpus.file))
    assert result.exit_code != 0
    assert message in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["valdate"], "Did you mean 'validate'?"),
        (["shards", "--regster"], "Did you mean '--register'?"),
        (["maintain", "--older-than", "9999999999d"], "is longer than time goes back"),
        (["reports", "--port", "99999"], "99999 is not in the range 0<=x<=65535"),
        (["search", "x", "-k", "0"], "0 is not in the range x>=1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_slips_of_the_command_line_are_answered(
    corpus: Corpus, words: list[str], said: str
) -> None:
    result = call(corpus, words[0], str(corpus.file), *words[1:])
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.output


def test_a_folder_that_cannot_be_made_is_one_line(corpus: Corpus) -> None:
    corpus.configure(export_dir="corpus.yaml/exports")
    result = CliRunner().invoke(main, ["run", str(corpus.file)])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: DAGSTER_HOME: ")
    assert "set DAGSTER_HOME, or `export_dir`, to a folder that can be created" in result.stderr


def test_a_store_that_cannot_be_written_is_one_line(corpus: Corpus) -> None:
    blocker = corpus.folder / "file"
    blocker.write_text("in the way")
    corpus.configure(store=str(blocker / "store"))
    result = call(corpus, "run", str(corpus.file))
    assert result.exit_code != 0
    assert "Traceback" not in result.output
    assert os.fspath(blocker) in result.output
