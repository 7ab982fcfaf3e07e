"""Train on what every contestant selected, measure all on the same rows, say who beat random."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from tshirt_assets.config import CorpusConfig
from tshirt_assets.evidence.errors import EvidenceError
from tshirt_assets.evidence.training.cells import Cell, KeptCells, Losses
from tshirt_assets.evidence.training.contestants import Contestant, line_up
from tshirt_assets.evidence.training.cost import (
    PROBE_ROWS,
    TrainingCost,
    pass_flops,
    training_flops,
)
from tshirt_assets.evidence.training.held_out import HeldOut, hold_out
from tshirt_assets.evidence.training.lab import Lab
from tshirt_assets.evidence.training.matching import Matching, matched
from tshirt_assets.evidence.training.outside import outside_samples
from tshirt_assets.evidence.training.training_plan import TrainingPlan
from tshirt_assets.evidence.training.verdicts import Trained, TrainingEvidence, judged
from tshirt_assets.incremental.corpus_scores import CorpusScores
from tshirt_assets.incremental.stored_rows import read_samples_by_id
from tshirt_assets.models.causal_lm import causal_lm_size
from tshirt_assets.selection.score_tables import usable

if TYPE_CHECKING:
    from tshirt_assets.scoring.tokenize import TokenizedSample

MATCHINGS: tuple[Matching, ...] = ("rows", "tokens")
MOST_DRIFT = 1e-3  # nats between two runs of the same training
Say = Callable[[str], None]


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
    rows = usable(scores.rows()).filter(~pl.col("sample_id").is_in(list(planted)))
    strata = rows.select("sample_id", "domain", length="n_response_tokens")
    held_out = hold_out(strata, plan.held_out)
    contestants = line_up(scores, held_out, randoms=plan.randoms, full=plan.full, planted=planted)
    return train_and_compare(scores, contestants, held_out, plan, say)


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
    config = scores.config
    selected = {i for contestant in contestants for i in contestant.sample_ids}
    if leaked := selected & {*held_out.ids}:
        raise EvidenceError(f"{len(leaked)} held-out rows were selected, such as {min(leaked)}")
    lab = Lab(config, plan)
    rows, notes = _rows(scores, lab, selected, held_out, plan)
    entries = list(_entries(contestants, rows))
    cells = KeptCells(training_folder(config) / "cells", lab.identity)
    course = _Course(lab, cells, plan, say)
    cost = course.cost(entries)
    say(cost.line)
    course.untrained()
    trained = [course.run(entry) for entry in entries]
    evidence = judged(trained, course.untrained(), plan, cost=cost, notes=notes)
    evidence.save(training_folder(config))
    return evidence


@dataclass(frozen=True, slots=True)
class _Entry:
    """A contestant with the rows that are trained on; `full` has no matching."""

    contestant: Contestant
    matching: Matching | None
    rows: "list[TokenizedSample]"


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
) -> Iterator[_Entry]:
    """Every contestant once in each matching, cut to what the smallest one has."""
    fitting = {c: [rows[i] for i in c.sample_ids if i in rows] for c in contestants}
    empty = [contestant.name for contestant, own in fitting.items() if not own]
    if empty:
        raise EvidenceError(f"nothing to train on: {', '.join(empty)} selected no row that fits")
    cut = {contestant: own for contestant, own in fitting.items() if contestant.role != "full"}
    for matching in MATCHINGS:
        for contestant, some in matched(cut, matching).items():
            yield _Entry(contestant, matching, some)
    for contestant, own in fitting.items():
        if contestant.role == "full":
            yield _Entry(contestant, None, own)


class _Course:
    """The trainings one after the other; those that are kept are not repeated, but for one."""

    def __init__(self, lab: Lab, cells: KeptCells, plan: TrainingPlan, say: Say):
        self._lab, self._cells, self._plan, self._say = lab, cells, plan, say
        self._cost = TrainingCost(0, 0, 0, 0.0, 0.0)
        self._done = 0
        self._repeated = False

    def cost(self, entries: Sequence[_Entry]) -> TrainingCost:
        """What these trainings take; models are timed on a few rows where any is to be done.

        Which learning rates are the best is not known yet: their repetitions cost the same.
        """
        lists = {Cell.of(entry.rows, 0, 0.0).rows: entry.rows for entry in entries}
        done = {key: self._finished(rows) for key, rows in lists.items()}
        each = len(self._plan.learning_rates) + self._plan.seeds - 1
        to_do = {key: each - done[key] for key in lists}
        cost = TrainingCost(each * len(lists), sum(done.values()), 0, 0.0, 0.0)
        if any(to_do.values()):
            tokens = sum(count * self._tokens(lists[key]) for key, count in to_do.items())
            flops = sum(count * self._flops(lists[key]) for key, count in to_do.items())
            once = {row.sample_id: row for rows in lists.values() for row in rows}
            measured = [row for part in self._lab.parts.values() for row in part]
            size = causal_lm_size(self._lab.options)
            frozen = pass_flops(size, [*once.values(), *measured], self._plan.layers)[0]
            seconds = (flops + frozen) / self._speed(measured[:PROBE_ROWS])
            cost = replace(cost, tokens=tokens, flops=flops + frozen, seconds=seconds)
        self._cost = cost
        return cost

    def untrained(self) -> Losses:
        """What the model finds as it is."""
        return self._losses([], 0, 0.0, "untrained")

    def run(self, entry: _Entry) -> Trained:
        """All trainings of one entry: every rate with the first seed, the best with the others."""
        name = entry.contestant.name
        tried = {
            rate: self._losses(entry.rows, 0, rate, name)
            for rate in sorted(self._plan.learning_rates)
        }
        best = min(tried, key=lambda rate: (tried[rate].score, rate))
        others = [self._losses(entry.rows, s, best, name) for s in range(1, self._plan.seeds)]
        return Trained(
            name,
            entry.contestant.role,
            entry.matching,
            rows=len(entry.rows),
            tokens=Cell.of(entry.rows, 0, best).tokens,
            learning_rate=best,
            losses=[tried[best], *others],
        )

    def _finished(self, rows: "Sequence[TokenizedSample]") -> int:
        """How many of the trainings on these rows are kept."""
        plan = self._plan
        tried = [self._cells.get(Cell.of(rows, 0, rate)) for rate in plan.learning_rates]
        others = [
            max(self._cells.get(Cell.of(rows, s, r)) is not None for r in plan.learning_rates)
            for s in range(1, plan.seeds)
        ]
        return sum(found is not None for found in tried) + sum(others)

    def _losses(
        self, rows: "Sequence[TokenizedSample]", seed: int, rate: float, name: str
    ) -> Losses:
        """What a training finds: as it is kept, or found now."""
        cell = Cell.of(rows, seed, rate)
        kept = self._cells.get(cell)
        if kept is not None and (self._repeated or not self._to_do or not rows):
            return kept
        losses = self._lab.train(rows, seed, rate)
        described = f"{name}, {len(rows)} rows, seed {seed}, learning rate {rate:g}"
        if not losses.finite:
            raise EvidenceError(
                f"{described}: the loss became no number; lower --learning-rates, or look for "
                "rows or weights that are out of order"
            )
        if kept is not None:
            self._compare(described, kept, losses)
            return kept
        self._cells.keep(cell, losses)
        if rows:
            self._done += 1
            place = f"{self._cost.stored + self._done}/{self._cost.cells}"
            self._say(f"{place} {described}: {losses.score:.4f} ({losses.seconds:.1f} s)")
            if not self._repeated:
                self._compare(described, losses, self._lab.train(rows, seed, rate))
        return losses

    @property
    def _to_do(self) -> bool:
        return self._cost.stored < self._cost.cells

    def _compare(self, described: str, before: Losses, again: Losses) -> None:
        """Refuse to go on where the same training finds something else."""
        drift = before.drift(again)
        if not drift <= MOST_DRIFT:
            raise EvidenceError(
                f"{described}: repeated, a loss differs by {drift:.2g} nats, so that trainings "
                "cannot be compared. Has the machine, torch or the model changed? Delete the "
                "folder _evidence/training/cells to begin anew"
            )
        self._repeated = True

    def _tokens(self, rows: "Sequence[TokenizedSample]") -> int:
        """Tokens that pass the trained layers in one training and its measurement."""
        measured = [row for part in self._lab.parts.values() for row in part]
        lengths = [len(row.prompt_ids) + len(row.response_ids) for row in rows]
        others = sum(len(row.prompt_ids) + len(row.response_ids) for row in measured)
        return self._plan.epochs * sum(lengths) + others

    def _flops(self, rows: "Sequence[TokenizedSample]") -> float:
        size, plan = causal_lm_size(self._lab.options), self._plan
        measured = [row for part in self._lab.parts.values() for row in part]
        training = plan.epochs * training_flops(size, rows, plan.layers)
        return training + pass_flops(size, measured, plan.layers)[1]

    def _speed(self, rows: "Sequence[TokenizedSample]") -> float:
        """Operations a second, from a step and a measurement of a few rows."""
        size, layers = causal_lm_size(self._lab.options), self._plan.layers
        once = 2 * pass_flops(size, rows, layers)[0] + pass_flops(size, rows, layers)[1]
        return (once + training_flops(size, rows, layers)) / max(self._lab.timed(rows), 1e-9)
