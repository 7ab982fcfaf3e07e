"""Runs over models whose chat template needs help, or does not fit the rows."""

import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.corpora import Corpus, make_rows
from tests.corpus.test_chat_template import DATED, TURNS
from tests.scoring.test_template_faults import ALTERNATING, OPENS
from tests.tiny import CHAT_TEMPLATE, bpe_tokenizer
from tshirt_assets.orchestration.metadata_order import plain


def chat(corpus: Corpus, folder: Path, template: str) -> Corpus:
    """The corpus, scored by a model with this chat template."""
    model = shutil.copytree(corpus.models / "lm", folder / "model")
    bpe_tokenizer(chat_template=template).save_pretrained(model)
    scorer = {"path": str(model), "max_length": 400, "device": "cpu"}
    corpus.configure(prompt_format="chat_template", scorer=scorer)
    corpus.register()
    return corpus


def fit(corpus: Corpus, capfd: pytest.CaptureFixture[str]) -> tuple[Any, str]:
    """Score the corpus; the check of its template, and what was warned of."""
    capfd.readouterr()
    result = corpus.materialize("samples", "token_scores")
    return corpus.checks(result)["token_scores.template_fits"], warnings(capfd)


def warnings(capfd: pytest.CaptureFixture[str]) -> str:
    """The warnings of the log since the last look at it."""
    lines = capfd.readouterr().err.splitlines()
    return "\n".join(line for line in lines if " - WARNING - " in line)


def test_faults_are_a_check_of_each_shard_and_one_warning_of_the_run(
    corpus: Corpus, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rows = [row | {"output": "<think>\nyes</think>" + row["output"]} for row in make_rows(1, 10)]
    corpus.write("b.jsonl", rows)
    corpus.write("c.jsonl", rows[::-1])
    check, said = fit(chat(corpus, tmp_path, OPENS), capfd)
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    details = plain(check.metadata["details"])
    assert list(details) == corpus.shards
    assert "answers open it again" in details[corpus.shard("b-")]
    assert "(10 of the first 10 rows)" in details[corpus.shard("b-")]
    assert said.count("stands twice (10 of the first 10 rows)") == said.count("stands twice") == 1
    assert said.count("prompt and response are not how") == 1  # the rows of a.jsonl
    again, _ = fit(corpus, capfd)  # nothing is computed again, and the check still says so
    assert not again.passed
    assert corpus.computed("token_scores") == 0


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (CHAT_TEMPLATE, ""),
        (TURNS, "the chat template ignores add_generation_prompt, so that '<|assistant|>'"),
        (DATED, "the chat template asks for the time; in every run it is 26 July 2024"),
    ],
)
def test_what_is_done_for_a_template_is_logged_once(
    corpus: Corpus, tmp_path: Path, capfd: pytest.CaptureFixture[str], template: str, words: str
) -> None:
    check, said = fit(chat(corpus, tmp_path, template), capfd)
    assert check.passed
    assert "rows are scored as they are rendered whole" in check.description
    assert said.count("chat template") == said.count(words or "chat template") == bool(words)
    prompts = corpus.frame("token_scores").filter(status="ok")["n_prompt_tokens"]
    assert prompts.min() > 10


def test_the_target_is_checked_and_named_where_it_is_not_the_scorer(
    corpus: Corpus, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    chat(corpus, tmp_path, OPENS).materialize("samples", "embeddings", "token_scores")
    corpus.materialize("neighbours")
    target = {"path": str(corpus.models / "other_lm"), "device": "cpu"}
    for options, passes in (({}, False), ({"target": target}, True)):
        corpus.configure(**options)
        warnings(capfd)
        result = corpus.materialize("miwv_scores")
        assert corpus.checks(result)["miwv_scores.template_fits"].passed is passes
        assert warnings(capfd) == ""
    corpus.configure(target=corpus.options["scorer"], scorer=target)
    corpus.materialize("miwv_scores")
    assert warnings(capfd).count("not how the chat template renders the whole conversation") == 1


def test_a_row_that_the_template_refuses_has_a_status(corpus: Corpus, tmp_path: Path) -> None:
    corpus.write("a.jsonl", [*make_rows(0, 9), make_rows(7, 1)[0] | {"system": "Be brief."}])
    chat(corpus, tmp_path, ALTERNATING).materialize("samples", "token_scores")
    *good, bad = corpus.frame("token_scores", corpus.shard("a-")).iter_rows(named=True)
    assert {row["status"] for row in good} == {"ok"}
    assert bad["status"] == "template_error"
    assert bad["status_detail"] == "the chat template refused the messages: roles must alternate"


def test_other_formats_have_no_template(materialized: Corpus) -> None:
    result = materialized.materialize("token_scores", "miwv_scores")
    for asset in ("token_scores", "miwv_scores"):
        check = materialized.checks(result)[f"{asset}.template_fits"]
        assert check.passed
        assert "prompt_format plain: no template" in check.description
