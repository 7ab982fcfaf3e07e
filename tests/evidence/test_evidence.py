"""From rows to evidence, through the ordinary assets."""

import json
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from tests.corpora import Corpus
from tests.evidence.conftest import Small
from tshirt_assets.cli import main
from tshirt_assets.commands.proving import make_evidence
from tshirt_assets.evidence.asked import EvidenceOptions
from tshirt_assets.evidence.evidence_error import EvidenceError
from tshirt_assets.evidence.evidence_files import evidence_folder, evidence_link, read_evidence
from tshirt_assets.evidence.figures import Evidence
from tshirt_assets.evidence.measured_again import refuse_drift
from tshirt_assets.evidence.score_frame import COLUMNS
from tshirt_assets.evidence.scored import refuse_no_numbers
from tshirt_assets.incremental.score_table import ScoreTable
from tshirt_assets.incremental.stored_rows import read_samples_by_id
from tshirt_assets.models.causal_lm import load_causal_lm
from tshirt_assets.store.frames import to_frame

OPTIONS = EvidenceOptions(seeds=2)


def score_table(corpus: Corpus, name: str) -> pl.DataFrame:
    [info] = [
        info
        for info in corpus.store.stored(name, "token_scores")
        if not str(info.shard).startswith("lent")
    ]
    return to_frame(corpus.store.read(name, "token_scores", info.shard))


def test_evidence_of_a_small_corpus(small: Small) -> None:
    corpus = small(40)
    found, folder = make_evidence(corpus.instance, corpus.config, OPTIONS)
    assert found.rows == 40
    assert found.base == pytest.approx(0.35)
    assert sum(kind.planted for kind in found.kinds) == 28
    assert {*found.auc} >= {"ifd", "s_ifd", "s_ifd_mean", "s_ifd_std", "miwv", "cosine"}
    whole = found.auc["ifd"]["all"]
    assert whole.low <= whole.value <= whole.high
    assert whole.n == 28
    assert {*found.shares} >= {"tshirt", "miwv", "ifd", "random", "longest", "pool, high std"}
    assert found.shares["random"][0.05].n > found.shares["longest"][0.05].n
    assert found.shares["random"][0.2].low < 0.35 < found.shares["random"][0.2].high
    assert found.against["random"][0.2].low <= found.against["random"][0.2].value

    assert read_evidence(corpus.config) == Evidence.of(found.values())
    assert evidence_link(corpus.config) == folder / "evidence.html"
    assert corpus.metadata("evidence", "tshirt")["verdict"].startswith("tshirt: ")
    table = corpus.frame("evidence", "miwv")
    assert {"miwv", "longest", "random"} <= {*table["rule"]}
    assert "tshirt" not in {*table["rule"]}


@pytest.mark.slow
def test_an_interrupted_run_continues_and_gives_the_same_again(small: Small, monkeypatch) -> None:
    """And scores of the corpus itself are lent to the rows that stay as they are."""
    corpus = small(20)
    corpus.register()
    corpus.materialize("samples", "token_scores")
    computed, interrupted = Counter[str](), list[bool]()
    score = ScoreTable.score

    def counted(self: ScoreTable, *args, **kwargs):
        if self.asset == "miwv_scores" and not interrupted:
            interrupted.append(True)
            raise KeyboardInterrupt
        scored = score(self, *args, **kwargs)
        computed[self.asset] += scored.computed
        return scored

    monkeypatch.setattr(ScoreTable, "score", counted)
    with pytest.raises(KeyboardInterrupt):
        make_evidence(corpus.instance, corpus.config, EvidenceOptions())
    assert (computed["embeddings"], computed["token_scores"]) == (20, 7)
    before = dict(corpus.frame("token_scores").select("sample_id", "ifd").rows())
    now = dict(score_table(corpus, "tiny_evidence_0").select("sample_id", "ifd").rows())
    assert len(before.keys() & now.keys()) == 13
    assert all(before[one] == now[one] for one in before.keys() & now.keys())

    _, folder = make_evidence(corpus.instance, corpus.config, EvidenceOptions())
    assert computed["token_scores"] == 7
    assert computed["miwv_scores"] == 20
    first, scored = (folder / "evidence.json").read_bytes(), computed.copy()
    make_evidence(corpus.instance, corpus.config, EvidenceOptions())
    assert (folder / "evidence.json").read_bytes() == first
    assert computed == scored


def test_too_few_rows_are_refused_and_the_asset_says_what_to_do(small: Small) -> None:
    corpus = small(9)
    with pytest.raises(EvidenceError, match="9 usable rows; 10 are the fewest"):
        make_evidence(corpus.instance, corpus.config, EvidenceOptions())
    result = corpus.materialize("evidence", partitions=["tshirt"], succeeds=False)
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert "tshirt-assets evidence" in str(failure.step_failure_data.error)


def test_scores_that_are_not_what_the_model_gives_are_refused(small: Small) -> None:
    corpus = small(10)
    corpus.register()
    corpus.materialize("samples", "token_scores")
    stored = corpus.frame("token_scores").filter(pl.col("status") == "ok").unique("sample_id")
    stored = stored.select("sample_id", "shard", "ifd", "n_response_tokens")
    samples = read_samples_by_id(corpus.store, corpus.config.name, stored)
    model = load_causal_lm(corpus.config.scorer)
    refuse_drift(stored, samples, model, "plain")
    with pytest.raises(EvidenceError, match="measured again"):
        refuse_drift(stored.with_columns(pl.col("ifd") + 0.01), samples, model, "plain")


def test_scores_that_are_no_numbers_are_refused() -> None:
    frame = pl.DataFrame({name: [1.0, None] for name in COLUMNS} | {"sample_id": ["a", "b"]})
    refuse_no_numbers(frame, "mine")
    with pytest.raises(EvidenceError, match="miwv of 1 rows of 'mine' is no finite number"):
        refuse_no_numbers(frame.with_columns(miwv=pl.Series([1.0, float("nan")])), "mine")


def test_the_command_prints_tables_of_80_columns_or_json(small: Small) -> None:
    corpus = small(20, recipes={"ifd-5pct": {"method": "ifd", "budget": 0.2}})
    runner = CliRunner(env={"DAGSTER_HOME": str(corpus.home)})
    planned = runner.invoke(main, ["evidence", str(corpus.file), "--plan", "--json"])
    [plan] = json.loads(planned.stdout)
    assert [one["rows"] for one in plan["assets"] if one["asset"] == "token_scores"] == [20]
    assert corpus.store.stored("tiny_evidence_0", "token_scores") == []
    assert not evidence_folder(corpus.config).exists()
    ran = runner.invoke(main, ["evidence", str(corpus.file), "--kinds", "refusal,truncated"])
    assert ran.exit_code == 0, ran.stderr
    assert max(len(line) for line in ran.stdout.splitlines()[:-1]) <= 80  # then the folder
    assert "ifd: not distinguishable from random at every budget." in ran.stdout
    assert "The rows have" not in ran.stdout
    asked = ["evidence", str(corpus.file), "--kinds", "refusal,truncated", "--json"]
    values = json.loads(runner.invoke(main, asked).stdout)
    assert values["recipes"] == {"ifd-5pct": "ifd"}
    assert [kind["name"] for kind in values["kinds"]] == ["refusal", "truncated"]
    wrong = runner.invoke(main, ["evidence", str(corpus.file), "--kinds", "refusals"])
    assert wrong.exit_code == 2
    assert "there is no kind 'refusals'; did you mean refusal?" in wrong.stderr


def test_unreadable_evidence_is_said_to_be(small: Small, tmp_path: Path) -> None:
    corpus = small(10)
    folder = evidence_folder(corpus.config)
    folder.mkdir(parents=True)
    (folder / "evidence.json").write_text('{"format": 0}')
    with pytest.raises(EvidenceError, match="another version"):
        read_evidence(corpus.config)
    (folder / "evidence.json").write_text("{")
    with pytest.raises(EvidenceError, match="cannot be read"):
        read_evidence(corpus.config)
    assert evidence_link(corpus.config) is None
