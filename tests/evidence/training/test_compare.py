"""Trainings over the small corpus: who is trained on what, kept, continued, refused."""

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from tests.corpora import RECIPES, Corpus, make_rows
from tshirt_assets.config import CausalLMOptions
from tshirt_assets.evidence.evidence_error import EvidenceError
from tshirt_assets.evidence.training import compare, lab
from tshirt_assets.evidence.training.contestants import Contestant, line_up, most_similar
from tshirt_assets.evidence.training.held_out import hold_out
from tshirt_assets.evidence.training.lab import Lab
from tshirt_assets.evidence.training.training_plan import TrainingPlan
from tshirt_assets.evidence.training.verdicts import TrainingEvidence
from tshirt_assets.incremental.corpus_scores import CorpusScores

PLAN = TrainingPlan(seeds=2, learning_rates=(1e-3, 1e-2), epochs=1, layers=1, held_out=7, randoms=2)


@pytest.fixture
def scores(finished: Corpus, tmp_path: Path) -> CorpusScores:
    """The scores of the finished corpus; what is written goes elsewhere."""
    config = finished.config.model_copy(update={"export_dir": str(tmp_path)})
    return CorpusScores(finished.store, config, finished.shards, logging.getLogger("tests"))


def run(scores: CorpusScores, plan: TrainingPlan = PLAN, **options: Any) -> TrainingEvidence:
    return compare.evidence_by_training(scores, plan, lambda line: None, **options)


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The rows of every training there is."""
    found: list[tuple[str, ...]] = []
    train = Lab.train

    def counted(self: Lab, rows: Sequence[Any], seed: int, learning_rate: float) -> Any:
        found.append(tuple(row.sample_id for row in rows))
        return train(self, rows, seed, learning_rate)

    monkeypatch.setattr(Lab, "train", counted)
    return found


def test_nobody_selects_held_out_rows_and_everyone_selects(scores: CorpusScores) -> None:
    usable = scores.rows().filter(pl.col("status") == "ok").unique("sample_id")
    held_out = hold_out(usable.select("sample_id", "domain", length="n_response_tokens"), 7)
    found = {c.name: c for c in line_up(scores, held_out, randoms=3)}
    assert set(found) == {
        *RECIPES, "random 1", "random 2", "random 3", "longest", "oracle", "full",
    }  # fmt: skip
    free = set(usable["sample_id"]) - {*held_out.ids}
    assert all({*contestant.sample_ids} <= free for contestant in found.values())
    assert set(found["full"].sample_ids) == free
    lengths = dict(usable.select("sample_id", "n_response_tokens").iter_rows())
    longest = sorted((lengths[i] for i in free), reverse=True)
    assert [lengths[i] for i in found["longest"].sample_ids] == longest[:5]
    assert found["random 1"].sample_ids != found["random 2"].sample_ids
    assert {c.role for c in found.values()} == {"recipe", "random", "longest", "oracle", "full"}
    known = line_up(scores, held_out, randoms=1, full=False, planted=found["oracle"].sample_ids)
    [oracle] = [contestant for contestant in known if contestant.role == "oracle"]
    assert not {*oracle.sample_ids} & {*found["oracle"].sample_ids}
    assert len(oracle.sample_ids) == 5


def test_the_oracle_takes_the_most_similar_of_each_in_turn() -> None:
    at = {"x": 0, "y": 90, "a": 5, "b": 10, "c": 44, "d": 80, "e": 300}  # degrees

    def vectors(ids: Sequence[str]) -> np.ndarray:
        angles = np.radians([at[i] for i in ids])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1) * [[len(ids)]]

    assert most_similar(vectors, ["x", "y"], list("abcde"), 4) == ("a", "d", "b", "c")
    assert most_similar(vectors, ["x"], list("abcde"), 9) == tuple("abced")


def test_the_comparison_is_matched_and_says_what_it_found(
    scores: CorpusScores, trainings: list[tuple[str, ...]]
) -> None:
    lines: list[str] = []
    evidence = compare.evidence_by_training(scores, PLAN, lines.append)
    by = {(v.name, v.matching): v for v in evidence.verdicts}
    names = {*RECIPES, "random (mean of 2)", "longest", "oracle", "full"}
    assert {name for name, _ in by} == names
    matched = [v for v in evidence.verdicts if v.name != "full"]
    assert {v.rows for v in matched if v.matching == "rows"} == {4}
    assert len({v.tokens for v in matched if v.matching == "tokens"}) == 1
    assert all(np.isfinite(v.loss) for v in evidence.verdicts)
    assert evidence.measured == {"test": 5, "validation": 2, "outside": 0}
    for v in evidence.verdicts:
        if v.against:
            assert v.against.low <= v.against.mean <= v.against.high
            chance = by["random (mean of 2)", v.matching].loss
            assert v.against.mean == pytest.approx(v.loss - chance)
    table = evidence.table()
    assert max(map(len, table.splitlines())) <= 80
    assert "than random" in table
    assert "not better than random" in evidence.markdown()
    cost = evidence.cost
    assert lines[0].startswith(f"{cost.cells} trainings to do")
    assert cost.tokens > 0
    assert cost.flops > 0
    done = {line.split(" ")[0] for line in lines[1:]}
    assert done == {f"{n}/{cost.cells}" for n in range(1, cost.cells + 1)}
    assert len(trainings) == cost.cells + 2  # the model as it is, and one that is repeated
    folder = compare.training_folder(scores.config)
    assert json.loads((folder / "comparison.json").read_text())["measured"]["test"] == 5


def test_what_was_interrupted_goes_on_and_ends_the_same(
    scores: CorpusScores,
    trainings: list[tuple[str, ...]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = run(scores)
    n_whole = len(trainings)
    other = scores.config.model_copy(update={"export_dir": str(tmp_path / "other")})
    again = CorpusScores(scores.store, other, scores._registered, logging.getLogger("tests"))
    lines = 0

    def killed(_line: str) -> None:
        nonlocal lines
        lines += 1
        if lines == 9:  # after the cost, seven trainings, and the eighth being kept
            raise KeyboardInterrupt

    trainings.clear()
    with pytest.raises(KeyboardInterrupt):
        compare.evidence_by_training(again, PLAN, killed)
    trainings.clear()
    continued = run(again)
    # Eight are there; one of them is repeated.
    assert len(trainings) == n_whole - 1 - 1 - 8 + 1
    assert continued.verdicts == whole.verdicts
    assert continued.untrained == whole.untrained
    assert continued.cost.stored == 8
    trainings.clear()
    monkeypatch.setattr("tshirt_assets.evidence.training.lab.read_model", None)  # nor is it loaded
    finished = run(again)
    assert trainings == []
    assert finished.table().splitlines() == whole.table().splitlines()
    assert "all stored" in finished.cost.line


def test_other_options_and_rows_are_trained_anew(
    scores: CorpusScores, trainings: list[tuple[str, ...]]
) -> None:
    plan = replace(PLAN, learning_rates=(1e-3,), seeds=1, full=False)
    first = run(scores, plan)
    trainings.clear()
    assert run(scores, replace(plan, epochs=2)).verdicts != first.verdicts
    assert len(trainings) > len(RECIPES)
    trainings.clear()
    run(scores, replace(plan, learning_rates=(1e-3, 1e-2)))
    assert len(trainings) == first.cost.cells + 1  # the new rate alone, and one repeated


def test_drift_and_nan_are_refused(scores: CorpusScores, monkeypatch: pytest.MonkeyPatch) -> None:
    train = Lab.train
    calls = 0

    def drifting(self: Lab, rows: Sequence[Any], seed: int, learning_rate: float) -> Any:
        nonlocal calls
        calls += 1
        found = train(self, rows, seed, learning_rate)
        return replace(found, test=[loss + 0.01 * calls for loss in found.test])

    with monkeypatch.context() as patched:
        patched.setattr(Lab, "train", drifting)
        with pytest.raises(EvidenceError, match=r"repeated, a loss differs by 0.01 nats"):
            run(scores)
    read_model = lab.read_model

    def spoiled(options: CausalLMOptions) -> Any:
        model: Any = read_model(options)
        with torch.no_grad():
            model.model.layers[-1].mlp.down_proj.weight[0, 0] = np.nan
        return model

    monkeypatch.setattr(lab, "read_model", spoiled)
    with pytest.raises(EvidenceError, match="the loss became no number; lower --learning-rates"):
        run(scores)


def test_rows_of_another_domain_are_measured_too(scores: CorpusScores, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.jsonl"
    mine = make_rows(0, 1)  # a row of the corpus, which does not count
    rows = [*mine, *make_rows(9, 12), {"instruction": "no answer"}]
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    plan = replace(PLAN, outside=file, learning_rates=(1e-3,), full=False)
    evidence = run(scores, plan)
    assert evidence.measured["outside"] == 5
    parts = {(v.part, v.matching) for v in evidence.verdicts}
    assert parts == {(p, m) for p in ("test", "outside") for m in ("rows", "tokens")}
    assert "out-of-domain rows" in evidence.table()
    file.write_text(f"{json.dumps(mine[0])}\n")
    with pytest.raises(EvidenceError, match="give another file"):
        run(scores, plan)


def test_what_cannot_be_compared_is_refused(scores: CorpusScores) -> None:
    held_out = hold_out(
        scores.rows()
        .filter(pl.col("status") == "ok")
        .unique("sample_id")
        .select("sample_id", "domain", length="n_response_tokens"),
        7,
    )
    leaking = [Contestant("leak", held_out.test[:2])]
    with pytest.raises(EvidenceError, match="2 held-out rows were selected"):
        compare.train_and_compare(scores, leaking, held_out, PLAN, print)
    with pytest.raises(EvidenceError, match="raise --max-length"):
        run(scores, replace(PLAN, max_length=4))
    with pytest.raises(EvidenceError, match="--seeds: at least 1, not 0"):
        replace(PLAN, seeds=0)
    with pytest.raises(EvidenceError, match="--learning-rates: different numbers"):
        replace(PLAN, learning_rates=(1e-3, 1e-3))
