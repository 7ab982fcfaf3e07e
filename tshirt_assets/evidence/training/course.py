"""The trainings one after the other: what is kept is not trained again, but for one, as a check."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tshirt_assets.evidence.evidence_error import EvidenceError
from tshirt_assets.evidence.training.cells import Cell, KeptCells, Losses
from tshirt_assets.evidence.training.contestants import Contestant
from tshirt_assets.evidence.training.cost import (
    PROBE_ROWS,
    TrainingCost,
    pass_flops,
    training_flops,
)
from tshirt_assets.evidence.training.lab import Lab
from tshirt_assets.evidence.training.matching import Matching
from tshirt_assets.evidence.training.training_plan import TrainingPlan
from tshirt_assets.evidence.training.verdicts import Trained
from tshirt_assets.models.causal_lm import causal_lm_size

if TYPE_CHECKING:
    from tshirt_assets.scoring.tokenize import TokenizedSample

MOST_DRIFT = 1e-3  # nats between two runs of the same training
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Entry:
    """A contestant with the rows that are trained on; `full` has no matching."""

    contestant: Contestant
    matching: Matching | None
    rows: "list[TokenizedSample]"


class Course:
    """The trainings one after the other; those that are kept are not repeated, but for one."""

    def __init__(self, lab: Lab, cells: KeptCells, plan: TrainingPlan, say: Say):
        self._lab, self._cells, self._plan, self._say = lab, cells, plan, say
        self._cost = TrainingCost(0, 0, 0, 0.0, 0.0)
        self._done = 0
        self._repeated = False

    def cost(self, entries: Sequence[Entry]) -> TrainingCost:
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

    def run(self, entry: Entry) -> Trained:
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
