"""Train on what every contestant selected, measure all on the same rows, say who beat random."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from tshirt_assets.config import CorpusConfig
from tshirt_assets.evidence.evidence_error import EvidenceError
from tshirt_assets.evidence.training.cells import KeptCells
from tshirt_assets.evidence.training.contestants import Contestant, line_up
from tshirt_assets.evidence.training.cost import TrainingCost
from tshirt_assets.evidence.training.course import Course, Entry, Say
from tshirt_assets.evidence.training.held_out import HeldOut, hold_out
from tshirt_assets.evidence.training.lab import Lab
from tshirt_assets.evidence.training.matching import Matching, matched
from tshirt_assets.evidence.training.outside import outside_samples
from tshirt_assets.evidence.training.training_plan import TrainingPlan
from tshirt_assets.evidence.training.verdicts import TrainingEvidence, judged
from tshirt_assets.incremental.corpus_scores import CorpusScores
from tshirt_assets.incremental.stored_rows import read_samples_by_id
from tshirt_assets.selection.score_tables import usable

if TYPE_CHECKING:
    from tshirt_assets.scoring.tokenize import TokenizedSample

MATCHINGS: tuple[Matching, ...] = ("rows", "tokens")


def training_folder(config: CorpusConfig) -> Path:
    """Where the trainings of a corpus and their comparison are kept."""
    return Path(config.export_dir) / config.name / "_evidence" / "training"


def evidence_by_training(
    scores: CorpusScores, plan: TrainingPlan, say: Say, planted: Collection[str] = ()
) -> TrainingEvidence:
    """Hold rows out, let all contestants of a corpus select from the others, and compare them.

    planted: ids of rows known to be corrupt; they are not held out, and the oracle avoids them.
    Raises `UpstreamError` where scores are missing, and what `train_and_compare` does.
    """
    contestants, held_out = _contestants(scores, plan, planted)
    return train_and_compare(scores, contestants, held_out, plan, say)


def cost_of_training(
    scores: CorpusScores, plan: TrainingPlan, planted: Collection[str] = ()
) -> TrainingCost:
    """What `evidence_by_training` would take; a model is timed on a few rows, nothing is kept."""
    contestants, held_out = _contestants(scores, plan, planted)
    course, entries, _ = _prepared(scores, contestants, held_out, plan, lambda line: None)
    return course.cost(entries)


def train_and_compare(
    scores: CorpusScores,
    contestants: Sequence[Contestant],
    held_out: HeldOut,
    plan: TrainingPlan,
    say: Say,
) -> TrainingEvidence:
    """Train on every contestant's rows, matched in rows and in tokens, and compare with random.

    Every finished training is kept: what was interrupted goes on where it was. Raises
    `EvidenceError` where a held-out row was selected, nothing can be trained or measured, a loss
    is no number, or a repeated training finds something else.
    """
    course, entries, notes = _prepared(scores, contestants, held_out, plan, say)
    cost = course.cost(entries)
    say(cost.line)
    untrained = course.untrained()
    trained = [course.run(entry) for entry in entries]
    evidence = judged(trained, untrained, plan, cost=cost, notes=notes)
    evidence.save(training_folder(scores.config))
    return evidence


def _contestants(
    scores: CorpusScores, plan: TrainingPlan, planted: Collection[str]
) -> tuple[list[Contestant], HeldOut]:
    """Who selects what once rows are held out, and these."""
    rows = usable(scores.rows()).filter(~pl.col("sample_id").is_in(list(planted)))
    held_out = hold_out(
        rows.select("sample_id", "domain", length="n_response_tokens"), plan.held_out
    )
    found = line_up(scores, held_out, randoms=plan.randoms, full=plan.full, planted=planted)
    return found, held_out


def _prepared(
    scores: CorpusScores,
    contestants: Sequence[Contestant],
    held_out: HeldOut,
    plan: TrainingPlan,
    say: Say,
) -> tuple[Course, list[Entry], list[str]]:
    """The course of all trainings, what it trains on, and what is to be noted."""
    selected = {i for contestant in contestants for i in contestant.sample_ids}
    if leaked := selected & {*held_out.ids}:
        raise EvidenceError(f"{len(leaked)} held-out rows were selected, such as {min(leaked)}")
    lab = Lab(scores.config, plan)
    rows, notes = _rows(scores, lab, selected, held_out, plan)
    cells = KeptCells(training_folder(scores.config) / "cells", lab.identity)
    return Course(lab, cells, plan, say), list(_entries(contestants, rows)), notes


def _rows(
    scores: CorpusScores, lab: Lab, selected: Collection[str], held_out: HeldOut, plan: TrainingPlan
) -> "tuple[Mapping[str, TokenizedSample], list[str]]":
    """The selected rows that fit, by id, and what is to be noted; gives the lab what to measure."""
    config = scores.config
    wanted = {*selected, *held_out.ids}
    places = usable(scores.rows()).filter(pl.col("sample_id").is_in(list(wanted)))
    rows = lab.tokenized(read_samples_by_id(scores.store, config.name, places).values())
    for part in ("test", "validation"):
        lab.parts[part] = [rows[i] for i in getattr(held_out, part) if i in rows]
    lab.parts["outside"] = []
    if plan.outside:
        known = set(scores.rows()["sample_id"])
        samples = outside_samples(plan.outside, config, len(held_out.test), known)
        lab.parts["outside"] = [*lab.tokenized(samples).values()]
    if not lab.parts["test"] or not lab.parts["validation"]:
        raise EvidenceError(
            f"of the held-out rows none fits into {plan.max_length} tokens; raise --max-length"
        )
    unfit = len(wanted - rows.keys())
    notes = [f"{unfit} rows are left out: their prompts do not fit into {plan.max_length} tokens"]
    return rows, notes if unfit else []


def _entries(
    contestants: Sequence[Contestant], rows: "Mapping[str, TokenizedSample]"
) -> Iterator[Entry]:
    """Every contestant once in each matching, cut to what the smallest one has."""
    fitting = {c: [rows[i] for i in c.sample_ids if i in rows] for c in contestants}
    empty = [contestant.name for contestant, own in fitting.items() if not own]
    if empty:
        raise EvidenceError(f"nothing to train on: {', '.join(empty)} selected no row that fits")
    cut = {contestant: own for contestant, own in fitting.items() if contestant.role != "full"}
    for matching in MATCHINGS:
        for contestant, some in matched(cut, matching).items():
            yield Entry(contestant, matching, some)
    for contestant, own in fitting.items():
        if contestant.role == "full":
            yield Entry(contestant, None, own)
