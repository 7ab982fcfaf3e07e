"""How a recipe that ranks by robustness comes to its places, in words."""

from tshirt_assets.report.data import ReportData
from tshirt_assets.selection.methods import METHODS


def two_stages(data: ReportData) -> str:
    """How a recipe that ranks by robustness comes to its places; empty for others."""
    if not METHODS[data.method].by_robustness:
        return ""
    return (
        "Places come about in two stages: the rows with the highest S-IFD mean form a pool (place "
        "by mean), and within it the lowest S-IFD std comes first (place). A row of place 1 may so "
        "have a lower mean than one of place 3."
    )
