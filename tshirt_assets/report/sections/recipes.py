"""The section that compares the corpus's recipes."""

from typing import Final

from tshirt_assets.report.data import ReportData
from tshirt_assets.report.markup import Html
from tshirt_assets.report.matrix import agreement_figures
from tshirt_assets.report.parts import NOTHING, Section, section


def recipes(data: ReportData) -> Html:
    """Overlap and rank correlation between the corpus's recipes."""
    comparison = data.comparison
    if comparison is None or len(comparison.names) < 2:
        return NOTHING
    lead = "Recipes of similar size with a high overlap would train much the same model."
    return section("recipes", "Recipes compared", lead, agreement_figures(comparison))


SECTION: Final = Section("recipes", "Recipes", recipes)
