"""What the trainings say: every contestant beside random, with intervals and in words."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from textwrap import wrap
from typing import Any, Final

import numpy as np

from tshirt_assets.evidence.training.cells import Losses
from tshirt_assets.evidence.training.contestants import Role
from tshirt_assets.evidence.training.cost import TrainingCost
from tshirt_assets.evidence.training.matching import Matching
from tshirt_assets.evidence.training.paired import PairedInterval, paired_interval
from tshirt_assets.evidence.training.training_plan import TrainingPlan

COLUMNS: Final = 80
THAN: Final = "than random"
HEAD: Final = ("contestant", "rows", "tokens", "rate", "loss", "against random", THAN)
TITLES: Final[Mapping[Matching, str]] = {
    "rows": "as many rows each",
    "tokens": "as many response tokens each",
}


@dataclass(frozen=True, slots=True)
class Trained:
    """A contestant in one matching: what it was trained on, and its losses with every seed."""

    name: str
    role: Role
    matching: Matching | None
    rows: int
    tokens: int
    learning_rate: float
    losses: list[Losses]

    def on(self, part: str) -> np.ndarray:
        """Losses (S, R) of S seeds on the R rows of a held-out part."""
        return np.array([getattr(losses, part) for losses in self.losses])


@dataclass(frozen=True, slots=True)
class Verdict:
    """A line of the comparison. loss: on the part's rows, mean over rows and seeds.

    part: `test` or `outside`. against: the paired difference to the mean of the randoms; None for
    these themselves, whose `spread` is the least and the greatest loss of a single one.
    """

    name: str
    matching: Matching
    part: str
    rows: int
    tokens: int
    learning_rates: tuple[float, ...]
    loss: float
    against: PairedInterval | None
    spread: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class TrainingEvidence:
    """How all contestants compare; `untrained` is the loss of the model as it is, by part."""

    verdicts: list[Verdict]
    untrained: dict[str, float]
    plan: TrainingPlan
    measured: dict[str, int]
    cost: TrainingCost
    notes: list[str] = field(default_factory=list)

    def table(self) -> str:
        """Text of at most 80 columns: a table for each matching, and what to make of it."""
        lines: list[str] = []
        for title, verdicts in self._groups():
            lines += [title, _line(HEAD), *(_line(_cells(v)) for v in verdicts), ""]
        for remark in self.remarks():
            lines += wrap(remark, COLUMNS, subsequent_indent="  ", break_on_hyphens=False)
        return "\n".join(lines)

    def markdown(self) -> str:
        """The same tables as Markdown."""
        lines: list[str] = []
        for title, verdicts in self._groups():
            head = (*HEAD[:-1], "verdict")
            lines += [f"**{title}**", "", _row(head), "|---|---:|---:|---:|---:|---|---|"]
            lines += [*(_row(_cells(verdict)) for verdict in verdicts), ""]
        return "\n".join([*lines, *(f"- {remark}" for remark in self.remarks())]) + "\n"

    def values(self) -> dict[str, Any]:
        """Plain values, for other programs."""
        plan = asdict(self.plan)
        plan["outside"] = plan["outside"] and plan["outside"].name
        shown = [
            asdict(v) | {"verdict": v.against.verdict if v.against else None} for v in self.verdicts
        ]
        return {
            "verdicts": shown,
            "untrained": self.untrained,
            "measured": self.measured,
            "plan": plan,
            "cost": asdict(self.cost),
            "notes": self.notes,
        }

    def save(self, folder: Path) -> None:
        """Write comparison.json and comparison.md into a folder."""
        values = json.dumps(self.values(), indent=1, ensure_ascii=False)
        (folder / "comparison.json").write_text(values, encoding="utf-8")
        (folder / "comparison.md").write_text(self.markdown(), encoding="utf-8")

    def remarks(self) -> Iterator[str]:
        """What is compared, how, and what the intervals do not say."""
        plan, measured = self.plan, self.measured
        losses = ", ".join(f"{loss:.4f} ({part} rows)" for part, loss in self.untrained.items())
        yield (
            f"loss: nats per response token, mean over {measured['test']} held-out rows and "
            f"{plan.seeds} seeds; untrained {losses}"
        )
        yield (
            f"against random: paired difference to the mean of {plan.randoms} random subsets, "
            "below 0 is better; 95 % bootstrap interval over rows, seeds and random subsets"
        )
        yield (
            f"rate: of {len(plan.learning_rates)} learning rates the best on "
            f"{measured['validation']} other held-out rows, for each contestant on its own"
        )
        compared = [v for v in self.verdicts if v.against]
        yield from _in_words(compared)
        at_edge = sum(
            v.learning_rates[0] in (min(plan.learning_rates), max(plan.learning_rates))
            for v in compared
            if v.part == "test"
        )
        tests = sum(v.part == "test" for v in compared)
        if at_edge and len(plan.learning_rates) > 2:
            yield f"the best rate was the lowest or highest tried in {at_edge} of {tests} lines"
        yield f"of {len(compared)} intervals about {len(compared) / 20:.1f} miss 0 by chance alone"
        yield from self.notes

    def _groups(self) -> Iterator[tuple[str, list[Verdict]]]:
        for matching, title in TITLES.items():
            for part, rows in (("test", "held-out rows"), ("outside", "out-of-domain rows")):
                some = [v for v in self.verdicts if v.matching == matching and v.part == part]
                if some:
                    yield f"{title}, {rows}", sorted(some, key=lambda v: v.loss)


def _in_words(compared: Sequence[Verdict]) -> Iterator[str]:
    """Who is better than random, who worse, who neither, in every matching and part."""
    found: dict[str, list[str]] = {}
    for verdict in compared:
        if verdict.against:
            where = verdict.matching if verdict.part == "test" else f"{verdict.matching}, outside"
            found.setdefault(verdict.against.verdict, []).append(f"{verdict.name} ({where})")
    for word in sorted(found):
        yield f"{word}: {', '.join(found[word])}"


def judged(
    trained: Sequence[Trained],
    untrained: Losses,
    plan: TrainingPlan,
    *,
    cost: TrainingCost,
    notes: Sequence[str] = (),
) -> TrainingEvidence:
    """Set every contestant beside the randoms of its matching; `full` beside those of both."""
    measured = {part: len(getattr(untrained, part)) for part in ("test", "validation", "outside")}
    parts = [part for part in ("test", "outside") if measured[part]]
    verdicts = [
        verdict for matching in TITLES for part in parts for verdict in _of(trained, matching, part)
    ]
    before = {part: float(np.mean(getattr(untrained, part))) for part in parts}
    return TrainingEvidence(verdicts, before, plan, measured, cost, [*notes])


def _of(trained: Sequence[Trained], matching: Matching, part: str) -> Iterator[Verdict]:
    """The lines of one matching and part."""
    some = [entry for entry in trained if entry.matching in (matching, None)]
    chance = [entry for entry in some if entry.role == "random"]
    randoms = np.stack([entry.on(part) for entry in chance])  # (K, S, R)
    each = randoms.mean(axis=(1, 2))
    yield Verdict(
        f"random (mean of {len(chance)})",
        matching,
        part,
        rows=round(np.mean([entry.rows for entry in chance])),
        tokens=round(np.mean([entry.tokens for entry in chance])),
        learning_rates=tuple(sorted({entry.learning_rate for entry in chance})),
        loss=float(each.mean()),
        against=None,
        spread=(float(each.min()), float(each.max())),
    )
    for entry in some:
        if entry.role != "random":
            own = entry.on(part)
            yield Verdict(
                entry.name,
                matching,
                part,
                rows=entry.rows,
                tokens=entry.tokens,
                learning_rates=(entry.learning_rate,),
                loss=float(own.mean()),
                against=paired_interval(own, randoms),
            )


def _cells(verdict: Verdict) -> tuple[str, ...]:
    rates = [f"{rate:g}" for rate in verdict.learning_rates]
    found = verdict.against
    if found:
        against = f"{found.mean:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"
        word = found.verdict
    else:
        least, most = verdict.spread or (verdict.loss, verdict.loss)
        against, word = f"single ones {least:.4f} to {most:.4f}", ""
    rate = rates[0] if len(rates) == 1 else "various"
    return (
        verdict.name,
        f"{verdict.rows:,}",
        f"{verdict.tokens:,}",
        rate,
        f"{verdict.loss:.4f}",
        against,
        word,
    )


def _line(cells: Sequence[str]) -> str:
    """Fixed columns, without the rate; a verdict ends where the name of its column goes on."""
    name, rows, tokens, _, loss, against, word = cells
    word = word.removesuffix(f" {THAN}")
    return f"{name[:18]:<18}{rows:>5}{tokens:>8}{loss:>8} {against:<26} {word}".rstrip()


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
