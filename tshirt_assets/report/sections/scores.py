"""Scores of the corpus and of the subset."""

from typing import Final

from tshirt_assets.report.data import ReportData
from tshirt_assets.report.distributions import SCORES, distribution
from tshirt_assets.report.markup import Html
from tshirt_assets.report.parts import Section, section


def distributions(data: ReportData) -> Html:
    """Scores of the corpus and of the subset."""
    figures = [distribution(data, quantity) for quantity in SCORES]
    lead = (
        "Each curve shows shares of its own rows: grey all usable rows, violet the subset. The "
        "outermost bars also count what lies beyond them."
    )
    return section("scores", "Scores", lead, figures)


SECTION: Final = Section("scores", "Scores", distributions)
