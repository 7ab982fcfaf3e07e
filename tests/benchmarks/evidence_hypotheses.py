"""What we expected of planted rows, written down before the runs of docs/evidence.md.

They come from a first trial on 714 short rows (issue 18), in which nearest answers, edited numbers
and names, and sampling against analytic estimates were not tried. Each is checked by the figures,
whatever they turn out to be: held, refuted, or not to be told from these rows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tshirt_assets.evidence.figures import Evidence
from tshirt_assets.evidence.intervals import Estimate

FOREIGN = ("random_answer", "nearest_answer", "other_language", "other_script", "refusal")
HELD, REFUTED, OPEN = "held", "refuted", "not to be told"


@dataclass(frozen=True)
class Hypothesis:
    """A statement, and the parts of it that figures decide: each is held, refuted or open."""

    text: str
    parts: Callable[[Evidence], Iterator[str]]

    def outcome(self, found: Evidence) -> str:
        """Refuted where any part is, open where any is, or none could be looked at."""
        parts = [*self.parts(found)]
        if REFUTED in parts:
            held = parts.count(HELD)
            return f"{REFUTED} ({held} of {len(parts)} parts held)" if held else REFUTED
        if OPEN in parts or not parts:
            held = parts.count(HELD)
            return f"{OPEN} ({held} of {len(parts)} parts held)" if held else OPEN
        return HELD


def above(one: Estimate, level: float) -> str:
    """Whether an interval lies above a level."""
    return HELD if one.low > level else REFUTED if one.high < level else OPEN


def below(one: Estimate, level: float) -> str:
    """Whether an interval lies below a level."""
    return HELD if one.high < level else REFUTED if one.low > level else OPEN


def _auc(score: str, kinds: tuple[str, ...], judge: Callable[[Estimate], str]):
    def parts(found: Evidence) -> Iterator[str]:
        for kind in kinds:
            if kind in found.auc.get(score, {}):
                yield judge(found.auc[score][kind])

    return parts


def _selects(rule: str, judge: Callable[[Estimate, float], str], budgets=None):
    def parts(found: Evidence) -> Iterator[str]:
        for budget, one in found.shares.get(rule, {}).items():
            if budgets is None or budget in budgets:
                yield judge(one, found.base)

    return parts


def _lead_has_fewer(rule: str):
    def parts(found: Evidence) -> Iterator[str]:
        for one in found.against.get(rule, {}).values():
            yield below(one, 0.0)

    return parts


HYPOTHESES = (
    Hypothesis(
        "IFD ranks foreign answers (random, nearest, other languages and scripts, refusals) above "
        "the others.",
        _auc("ifd", FOREIGN, lambda one: above(one, 0.5)),
    ),
    Hypothesis(
        "IFD does not rank truncated responses above the others.",
        _auc("ifd", ("truncated",), lambda one: below(one, 0.6)),
    ),
    Hypothesis(
        "No score tells edited numbers or names: IFD, MIWV and cosine stay within .35 and .65.",
        lambda found: (
            outcome
            for score in ("ifd", "miwv", "cosine")
            for kind in ("edited_numbers", "edited_names")
            for outcome in _auc(
                score,
                (kind,),
                lambda one: (
                    HELD
                    if one.low > 0.35 and one.high < 0.65
                    else REFUTED
                    if one.high < 0.35 or one.low > 0.65
                    else OPEN
                ),
            )(found)
        ),
    ),
    Hypothesis(
        "Cosine ranks foreign answers below the others: AUC under .2.",
        _auc("cosine", FOREIGN, lambda one: below(one, 0.2)),
    ),
    Hypothesis(
        "`ifd` selects more corrupted rows than random at every budget.", _selects("ifd", above)
    ),
    Hypothesis(
        "`miwv` selects more corrupted rows than random at every budget.", _selects("miwv", above)
    ),
    Hypothesis(
        "`tshirt` selects fewer corrupted rows than random at 10 and 20 %.",
        _selects("tshirt", below, (0.1, 0.2)),
    ),
    Hypothesis(
        "The std step is the cure: of one pool the half of low std (`tshirt`) has fewer corrupted "
        "rows than a half drawn by lot.",
        _lead_has_fewer("pool, random"),
    ),
    Hypothesis("... and fewer than the half of low mean.", _lead_has_fewer("pool, low mean")),
    Hypothesis(
        "`tshirt` has fewer corrupted rows than the longest responses.", _lead_has_fewer("longest")
    ),
    Hypothesis(
        "The rule chosen on the trial's rows (IFD below 1 and cosine above its median, then "
        "longest) has fewer corrupted rows than random at every budget.",
        _selects("relevant, longest", below),
    ),
)
"""In the order in which the page has them."""
