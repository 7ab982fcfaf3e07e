"""Evidence in words: lines of at most 80 columns for a terminal, and a page of Markdown."""

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Final

from tshirt_assets.evidence.evidence_tables import (
    against_table,
    auc_table,
    interval,
    planted_table,
    ruled_out_table,
    shares_table,
    short_share,
)
from tshirt_assets.evidence.figures import ALL_KINDS, CLEAN, Evidence
from tshirt_assets.evidence.intervals import Estimate
from tshirt_assets.evidence.measure import SCORES
from tshirt_assets.export.escaping import markdown

COLUMNS: Final = 80
FIRST: Final = 17  # columns of a line's name
MARKS: Final = {"more": "+", "fewer": "-", "": " "}


def evidence_lines(found: Evidence) -> Iterator[str]:
    """The evidence for a terminal."""
    yield from _wrapped(planted_sentence(found))
    yield ""
    yield "chance that a corrupted row scores above a clean one; *: .5 outside its interval"
    yield from _auc_lines(found)
    yield ""
    yield f"corrupted share of what is selected; base rate {short_share(found.base)}"
    yield "- fewer, + more than random, by the 95 % interval in brackets"
    yield from _share_lines(found)
    yield ""
    yield from _wrapped(*sentences(found), *found.limits)


def planted_sentence(found: Evidence) -> str:
    """What was planted, in a sentence."""
    seeds = found.options["seeds"]
    copies = "a copy" if seeds == 1 else f"{seeds} copies"
    kinds = ", ".join(f"{kind.planted} {kind.name}" for kind in found.kinds)
    return f"{found.corpus}: {copies} of {found.rows:,} rows, corrupted on purpose: {kinds}"


def sentences(found: Evidence) -> Iterator[str]:
    """The verdict on every recipe, in words."""
    for rule in dict.fromkeys(found.recipes.values()):
        verdicts = {budget: found.verdict(rule, budget) for budget in found.budgets}
        if len(set(verdicts.values())) == 1:
            [verdict] = set(verdicts.values())
            yield f"{rule}: {_in_words(verdict)} at every budget."
        else:
            parts = [f"{_in_words(verdict)} at {b:.0%}" for b, verdict in verdicts.items()]
            yield f"{rule}: {', '.join(parts)}."


def evidence_markdown(found: Evidence) -> str:
    """The evidence as Markdown, with all intervals."""
    parts = [
        f"# Evidence for the corpus {markdown(found.corpus)}",
        f"{markdown(planted_sentence(found))}. Intervals hold 95 %.",
        planted_table(found).markdown(),
        "## What the scores do with corrupted rows",
        "The chance that a corrupted row scores above one that is not (AUC, ties half). "
        "1: all corrupted rows above all others; 0: all below; .5: the score does not tell.",
        auc_table(found).markdown(),
        "Share of rows that the rule `IFD below 1` takes out:",
        ruled_out_table(found).markdown(),
        "## What is selected",
        f"The corrupted share of each selection; a random one has {short_share(found.base)}. "
        "fewer, more: than random, by the interval. Recipes first, then what they have to beat.",
        shares_table(found).markdown(),
        *(f"- {markdown(sentence)}" for sentence in sentences(found)),
        f"## {markdown(found.lead)} against every other rule",
        f"The corrupted share of `{found.lead}` less that of the rule: below 0, it selects fewer. "
        "Intervals are over rows, drawn for both at once.",
        against_table(found).markdown(),
        "## What this cannot tell",
        "\n".join(f"- {markdown(sentence)}" for sentence in found.limits),
    ]
    return "\n\n".join(parts).replace("\n\n- ", "\n- ") + "\n"


def _auc_lines(found: Evidence) -> Iterator[str]:
    names = {
        score: SCORES[score].replace("S-IFD, ", "").replace("S-IFD ", "") for score in found.auc
    }
    width = (COLUMNS - FIRST - 5) // max(1, len(names))
    head = "".join(f"{name:>{width}}" for name in names.values())
    yield f"{'kind':<{FIRST}}{'rows':>5}{head}"
    planted = {kind.name: kind.planted for kind in found.kinds}
    planted[ALL_KINDS] = sum(planted.values())
    for kind in next(iter(found.auc.values())):
        cells = "".join(f"{_starred(found.auc[score][kind]):>{width}}" for score in found.auc)
        yield f"{kind:<{FIRST}}{planted[kind]:>5}{cells}"
    ruled = {kind: short_share(one.value) for kind, one in found.ruled_out.items()}
    others = ", ".join(f"{kind} {text}" for kind, text in ruled.items() if kind != CLEAN)
    yield from _wrapped(f"ruled out by an IFD of 1 or above: clean {ruled[CLEAN]}; {others}")


def _share_lines(found: Evidence) -> Iterator[str]:
    width = (COLUMNS - FIRST - 3) // len(found.budgets)
    yield f"{'rule':<{FIRST + 3}}" + "".join(f"{f'{b:.0%}':>{width}}" for b in found.budgets)
    for rule in found.rules:
        cells = []
        for budget in found.budgets:
            one = found.shares[rule][budget]
            cells.append(
                f"{short_share(one.value)} [{interval(one)}]{MARKS[one.against(found.base)]}"
            )
        name = rule if len(rule) <= FIRST + 2 else f"{rule[: FIRST + 1]}…"
        yield f"{name:<{FIRST + 3}}" + "".join(f"{cell:>{width}}" for cell in cells)


def _in_words(verdict: str) -> str:
    if verdict.endswith("than random"):
        return f"selects {verdict.replace(' than', ' corrupted rows than')}"
    return "not distinguishable from random"


def _starred(one: Estimate) -> str:
    return short_share(one.value) + ("*" if one.against(0.5) else " ")


def _wrapped(*texts: str) -> Sequence[str]:
    return [
        line
        for text in texts
        for line in wrap(text, COLUMNS, subsequent_indent="  ", break_on_hyphens=False)
    ]
