"""Evidence as tables with intervals, and as numbers in words."""

import math

from tshirt_assets.evidence.figures import Evidence
from tshirt_assets.evidence.intervals import Estimate
from tshirt_assets.evidence.measure import SCORES
from tshirt_assets.evidence.table import Table


def planted_table(found: Evidence) -> Table:
    """What was planted."""
    return Table(
        ["kind", "in place of the response", "planted", "possible"],
        [
            [kind.name, kind.meaning, f"{kind.planted:,}", f"{kind.possible:,}"]
            for kind in found.kinds
        ],
    )


def auc_table(found: Evidence) -> Table:
    """AUC by kind and score."""
    kinds = [*next(iter(found.auc.values()))]
    return Table(
        ["kind", *(SCORES[score] for score in found.auc)],
        [[kind, *(full(found.auc[score][kind]) for score in found.auc)] for kind in kinds],
    )


def ruled_out_table(found: Evidence) -> Table:
    """Rows ruled out by IFD, by kind."""
    rows = [[kind, full(one), f"{one.n:,}"] for kind, one in found.ruled_out.items()]
    return Table(["rows", "share with an IFD of 1 or above", "of"], rows)


def shares_table(found: Evidence) -> Table:
    """Corrupted shares by rule and budget."""
    rows = []
    for rule, meaning in found.rules.items():
        cells = []
        for budget in found.budgets:
            word = found.shares[rule][budget].against(found.base)
            cells.append(f"{full(found.shares[rule][budget])} {word}".rstrip())
        rows.append([rule, meaning, *cells])
    return Table(["rule", "selects", *(f"{budget:.0%}" for budget in found.budgets)], rows)


def against_table(found: Evidence) -> Table:
    """Differences from the lead by rule and budget."""
    rows = [
        [rule, *(full(one, signed=True) for one in by_budget.values())]
        for rule, by_budget in found.against.items()
    ]
    return Table(["rule", *(f"{budget:.0%}" for budget in found.budgets)], rows)


def full(one: Estimate, *, signed: bool = False) -> str:
    """A number with its interval; a dash where there is none."""
    if math.isnan(one.value):
        return "–"
    if not signed:
        return f"{short_share(one.value)} ({interval(one)})"
    return f"{one.value:+.2f} ({one.low:+.2f} to {one.high:+.2f})".replace("-", "−")


def interval(one: Estimate) -> str:
    """The interval of a share alone."""
    return f"{short_share(one.low)}–{short_share(one.high)}"


def short_share(value: float) -> str:
    """A share with two decimals and no leading zero."""
    if math.isnan(value):
        return "–"
    return f"{value:.2f}".removeprefix("0") if value < 0.995 else "1.0"
