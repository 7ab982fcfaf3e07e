"""`budget: 1` is one row: valid, and hardly ever meant."""

from pathlib import Path

import pytest

from tests.preflight.inspected import inspection
from tshirt_assets.preflight.budgets import budget_findings


@pytest.mark.parametrize("budget", [1, 1.0, 0.01, 2])
def test_a_single_row_is_a_warning(tmp_path: Path, budget: float | int) -> None:
    recipes = {"best": {"method": "ifd", "budget": budget}}
    found = [str(f) for f in budget_findings(inspection(tmp_path, recipes=recipes))]
    told = (
        "warning: recipes.best.budget: 1 is a single row; write 1.0 for all rows, 0.01 for 1 %, "
        "or another whole number for a count"
    )
    assert found == ([told] if type(budget) is int and budget == 1 else [])
