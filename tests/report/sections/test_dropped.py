"""Every reason a row can be dropped for is explained."""

from tshirt_assets.corpus.status import Status
from tshirt_assets.report.sections.dropped import EXPLANATIONS
from tshirt_assets.selection.exclusions import Exclusion


def test_every_reason_has_an_explanation() -> None:
    reasons = {reason.value for reason in (*Status, *Exclusion)} - {"ok"}
    assert reasons <= EXPLANATIONS.keys()
