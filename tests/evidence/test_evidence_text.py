"""What is written of evidence, from figures made by hand."""

import math
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from tests.benchmarks.evidence_hypotheses import HELD, HYPOTHESES, OPEN, REFUTED
from tests.benchmarks.evidence_page import hypotheses
from tshirt_assets.evidence.evidence_files import evidence_page
from tshirt_assets.evidence.evidence_text import evidence_lines, evidence_markdown, sentences
from tshirt_assets.evidence.figures import Evidence, PlantedKind
from tshirt_assets.evidence.intervals import Estimate
from tshirt_assets.evidence.plot import shares_svg

NOTHING = Estimate(math.nan, math.nan, math.nan, 0)
HIGH, LOW = Estimate(0.9, 0.8, 0.97, 40), Estimate(0.04, 0.01, 0.1, 40)
EVEN = Estimate(0.5, 0.3, 0.7, 40)
FIGURES = Evidence(
    corpus="mine",
    options={"seeds": 1, "kinds": ["refusal"], "rate": 0.35, "rows": 100, "seed": 0},
    rows=100,
    base=0.35,
    kinds=(PlantedKind("refusal", "a <b>refusal</b>", 90, 35),),
    auc={"ifd": {"refusal": HIGH, "all": HIGH}, "cosine": {"refusal": LOW, "all": EVEN}},
    ruled_out={"clean": LOW, "refusal": NOTHING},
    rules={"tshirt": "robust", "random": "rows drawn by lot", "a-very-long-name-of-a-rule": "?"},
    recipes={"tshirt-5pct": "tshirt"},
    shares={
        "tshirt": {0.05: LOW, 0.1: EVEN, 0.2: HIGH},
        "random": {0.05: EVEN, 0.1: EVEN, 0.2: NOTHING},
        "a-very-long-name-of-a-rule": {0.05: LOW, 0.1: LOW, 0.2: LOW},
    },
    lead="tshirt",
    against={"random": {0.05: Estimate(-0.3, -0.4, -0.1, 50), 0.1: NOTHING, 0.2: EVEN}},
    limits=("The rows are in one language (en): nothing is said of others.",),
)


def test_verdicts_are_in_words() -> None:
    assert [*sentences(FIGURES)] == [
        "tshirt: selects fewer corrupted rows than random at 5%, not distinguishable from random "
        "at 10%, selects more corrupted rows than random at 20%."
    ]
    few = replace(FIGURES, shares={"tshirt": {0.05: replace(LOW, n=4)}})
    assert few.verdict("tshirt", 0.05) == "not distinguishable"


def test_the_terminal_has_80_columns() -> None:
    lines = [*evidence_lines(FIGURES)]
    assert max(map(len, lines)) <= 80
    [line] = [line for line in lines if line.startswith("refusal")]
    assert line.split() == ["refusal", "35", ".90*", ".04*"]
    [line] = [line for line in lines if line.startswith("tshirt  ")]
    assert line.split() == ["tshirt", ".04", "[.01–.10]-", ".50", "[.30–.70]", ".90", "[.80–.97]+"]


def test_pages_escape_what_they_are_given() -> None:
    assert "<b>refusal" not in evidence_page(FIGURES)
    assert "a &lt;b&gt;refusal" in evidence_page(FIGURES)
    text = evidence_markdown(FIGURES)
    assert "−0.30 (−0.40 to −0.10)" in text


def test_the_plot_is_sound_and_says_what_it_shows() -> None:
    svg = ET.fromstring(shares_svg(FIGURES))
    assert "base rate 0.35" in svg.attrib["aria-label"]
    dots = [one for one in svg.iter() if one.tag.endswith("circle")]
    assert len(dots) == 8  # of nine one has no number


def test_names_of_rules_have_room_in_the_plot() -> None:
    rule = next(iter(FIGURES.shares))
    name = "longest-of-" + "w" * 60
    figures = replace(FIGURES, rules={name: "what it does"}, shares={name: FIGURES.shares[rule]})
    svg = ET.fromstring(shares_svg(figures))
    [shown] = [one for one in svg.iter() if one.attrib.get("text-anchor") == "end"]
    assert shown.text == name[:39] + "…"
    assert float(shown.attrib["x"]) >= 6.5 * len(shown.text)


@pytest.mark.parametrize(("found", "outcome"), [(HIGH, HELD), (LOW, REFUTED), (EVEN, OPEN)])
def test_hypotheses_are_held_against_intervals(found: Estimate, outcome: str) -> None:
    figures = replace(FIGURES, auc={"ifd": {"refusal": found}})
    assert HYPOTHESES[0].outcome(figures) == outcome
    assert HYPOTHESES[2].outcome(figures) == OPEN  # nothing was planted that it is about


def test_every_hypothesis_is_on_the_page() -> None:
    class Trial:
        title, judged = "Mine", True

    text = hypotheses([(Trial(), FIGURES)])  # type: ignore[list-item]
    assert text.count("\n| ") == len(HYPOTHESES) + 1
    assert all(one.text in text for one in HYPOTHESES)
