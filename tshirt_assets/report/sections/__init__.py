"""The sections of the report's page, one file each."""

from typing import Final

from tshirt_assets.report.parts import Section
from tshirt_assets.report.sections import (
    browse,
    drift,
    dropped,
    plane,
    recipes,
    reproduce,
    rows,
    scores,
)

SECTIONS: Final[tuple[Section, ...]] = (
    scores.SECTION,
    plane.SECTION,
    drift.SECTION,
    recipes.SECTION,
    dropped.SECTION,
    browse.SECTION,
    rows.SECTION,
    reproduce.SECTION,
)
"""All sections, in the order of the page."""
