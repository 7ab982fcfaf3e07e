"""The command line as a user calls it: a corpus.yaml, text on the terminal, exit codes."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result

from tests.corpora import RECIPES, Corpus
from tshirt_assets.cli import main
from tshirt_assets.store.store import Store


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
    [compared] = [line for line in result.stdout.splitlines() if line.startswith("compared ")]
    assert Path(compared.split(maxsplit=1)[1]).is_file()
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


def test_a_model_without_tokenizer_is_named_not_its_cause(corpus: Corpus, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    shutil.copytree(corpus.models / "lm", bare, ignore=lambda *_: ["tokenizer.json"])
    corpus.configure(scorer={"path": str(bare), "device": "cpu"})
    said = call(corpus, "run", str(corpus.file)).stderr
    assert f"model '{bare}': no usable tokenizer beside the weights; save one there" in said
    assert "backend tokenizer" not in said


def test_without_a_usable_row_run_says_what_was_found_and_what_to_set(corpus: Corpus) -> None:
    for file in (corpus.folder / "rows").iterdir():
        file.unlink()
    corpus.write("x.jsonl", [{"question": "why", "answer": "so"}] * 5)
    result = call(corpus, "run", str(corpus.file))
    assert result.exit_code == 2
    assert "error: paths: no file of tiny has a row that can be used" in result.stderr
    assert "fields found: question, answer" in result.stderr
    assert "set columns.instruction and columns.response, or columns.messages" in result.stderr
    assert "embeddings" not in result.stderr  # no model is loaded for nothing


def test_failed_checks_are_listed_at_the_end_also_beside_a_shard_that_failed(
    corpus: Corpus,
) -> None:
    corpus.path("broken.parquet").write_bytes(b"PAR1 not parquet at all PAR1")
    corpus.configure(max_bad_share=0.0)
    result = call(corpus, "run", str(corpus.file))
    c = corpus.shard("c-")
    expected = f"warning: check samples.rows_usable (1 of 3): {c}: 2 of 14 rows not ok ("
    assert any(line.startswith(expected) for line in result.stderr.splitlines())
    for asset in ("embeddings", "token_scores", "miwv_scores"):  # without the shard that failed
        assert f"] {asset}: 34 of 34 rows, " in result.stderr


def test_an_interrupted_command_says_so(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tshirt_assets.commands.show.summary", interrupted)
    result = call(corpus, "show", str(corpus.file))
    assert (result.exit_code, result.stderr) == (130, "interrupted; run again to continue\n")


def test_show_says_which_scores_belong_to_another_configuration(materialized: Corpus) -> None:
    corpus = materialized
    assert "run again to compute them" not in call(corpus, "show", str(corpus.file)).stdout
    before, after = str(corpus.models / "lm"), str(corpus.models / "other_lm")
    corpus.configure(
        scorer={"path": after, "max_length": 400, "device": "cpu"},
        recipes=RECIPES | {"ifd": {"method": "ifd", "budget": 6}},
        keep_fraction=0.5,
    )
    said = " ".join(call(corpus, "show", str(corpus.file)).stdout.split())
    assert (
        f"token_scores: stored scores were made with scorer.path {before}; corpus.yaml says "
        f"scorer.path {after}: run again to compute them"
    ) in said
    assert f"robust_scores: stored scores were made with scorer.path {before}" in said
    assert "miwv_scores: stored scores were made with" in said
    assert "embeddings: stored" not in said
    assert "contenders: made with keep_fraction 0.75; corpus.yaml says 0.5" in said
    assert "selected_subset ifd: made with budget 4; corpus.yaml says budget 6" in said


def values(result: Result) -> Any:
    """What a command printed as JSON; anything else on its standard output is a fault."""
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_what_is_shown_can_be_had_as_json(finished: Corpus) -> None:
    corpus = finished
    state = values(call(corpus, "show", str(corpus.file), "--json"))
    assert (state["corpus"], state["rows"], state["shards"]) == ("tiny", 34, 3)
    assert sum(state["statuses"].values()) == state["rows"]
    ifd = state["selections"]["ifd"]
    assert ifd["rows"] == 4
    assert [row["rank"] for row in ifd["first_and_last"]] == [1, 4]
    assert state["overlap"]["ifd"]["ifd"] == 1.0
    shards = values(call(corpus, "shards", str(corpus.file), "--json"))["shards"]
    assert [shard["rows"] for shard in shards] == [10, 10, 14]
    assert {shard["state"] for shard in shards} == {"registered"}
    found = values(call(corpus, "verify", str(corpus.file), "--json"))
    assert found["faults"] == []
    assert found["rows"] > 0


def test_a_part_of_a_corpus_can_be_run(corpus: Corpus) -> None:
    first = call(corpus, "run", str(corpus.file), "--recipe", "ifd")
    assert first.exit_code == 0, first.output
    store = Store(corpus.config.store)
    assert {info.asset for info in store.stored("tiny")} == {
        *("samples", "token_scores", "selected_subset"),
    }
    assert [info.shard for info in store.stored("tiny", "selected_subset")] == ["ifd"]
    again = call(corpus, "run", str(corpus.file), "--select", "embeddings", "--select", "search")
    assert again.exit_code == 0, again.output
    assert store.info("tiny", "search") is not None
    assert store.info("tiny", "contenders") is None
    missing = call(corpus, "run", str(corpus.file), "--select", "robust_scores")
    assert missing.exit_code == 1
    assert "materialize contenders" in missing.stderr
    unknown = call(corpus, "run", str(corpus.file), "--recipe", "randm")
    assert unknown.exit_code == 2
    assert "no recipe 'randm'; did you mean random?" in unknown.stderr


def test_a_run_of_a_part_is_no_run_of_the_whole(corpus: Corpus) -> None:
    call(corpus, "run", str(corpus.file), "--recipe", "ifd")
    whole = call(corpus, "run", str(corpus.file))
    assert whole.exit_code == 0, whole.output
    assert "nothing has changed" not in whole.stdout
    stored = {info.shard for info in Store(corpus.config.store).stored("tiny", "selected_subset")}
    assert stored == set(RECIPES)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_are_told_how_to_complete(shell: str) -> None:
    printed = CliRunner().invoke(main, ["completion", shell])
    assert printed.exit_code == 0
    assert "_TSHIRT_ASSETS_COMPLETE" in printed.stdout


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run {file} --recipe m", ["miwv"]),
        ("run {file} --select +cont", ["+contenders"]),
        ("ver", ["verify"]),
        ("run absent.yaml --recipe m", []),
    ],
)
def test_words_are_completed(corpus: Corpus, line: str, words: list[str]) -> None:
    *before, begun = line.format(file=corpus.file).split()
    complete = ShellComplete(main, {}, "tshirt-assets", "_TSHIRT_ASSETS_COMPLETE")
    assert [item.value for item in complete.get_completions(before, begun)] == words


def test_a_recipe_of_two_stages_shows_both(finished: Corpus) -> None:
    said = call(finished, "show", str(finished.file)).stdout.splitlines()
    at = next(i for i, line in enumerate(said) if line.startswith("tshirt: "))
    assert said[at].endswith("of the highest means the lowest std")
    assert said[at + 1].split() == ["mean", "std"]
    chosen = finished.frame("selected_subset", "tshirt").sort("rank")
    for line, place in ((said[at + 2], 0), (said[at + 3], -1)):
        mean, std = chosen["s_ifd_mean"][place], chosen["s_ifd_std"][place]
        assert line.split()[1:3] == [f"{mean:.3f}", f"{std:.3f}"]
    assert not any("std" in line for line in said[at + 4 :])


def test_help_lists_commands_by_what_they_are_for() -> None:
    shown = CliRunner().invoke(main, ["--help"]).stdout
    places = [shown.index(f"\n{word}") for word in ("Making:", "Looking:", "Keeping:")]
    places += [shown.index(f"\n  {name} ") for name in ("verify", "maintain")]
    assert places == sorted(places)
    assert shown.index("\n  init ") < shown.index("\n  run ") < shown.index("\n  explore ")
    for name in main.commands:
        assert shown.count(f"\n  {name} ") == 1
    assert "..." not in shown.split("Making:")[1].split("Exit codes")[0]  # no line is cut


def test_help_names_the_exit_codes() -> None:
    shown = CliRunner().invoke(main, ["--help"]).stdout
    for line in ("0    done", "1    something failed", "2    CORPUS", "130  interrupted"):
        assert line in shown
