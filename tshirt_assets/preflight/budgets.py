"""Options that are valid and hardly ever meant."""

from collections.abc import Iterator

from tshirt_assets.preflight.finding import Finding
from tshirt_assets.preflight.inspection import Inspection


def budget_findings(inspection: Inspection) -> Iterator[Finding]:
    """`budget: 1`, which is one row and not the whole corpus."""
    for name, recipe in inspection.config.recipes.items():
        if isinstance(recipe.budget, int) and recipe.budget == 1:
            yield Finding(
                "warning",
                f"recipes.{name}.budget",
                "1 is a single row",
                "write 1.0 for all rows, 0.01 for 1 %, or another whole number for a count",
            )
