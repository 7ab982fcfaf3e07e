"""Errors speak of assets."""

from tshirt_assets.incremental.errors import in_words_of_assets
from tshirt_assets.store.faults import StoreError


def test_a_table_that_an_asset_keeps_for_itself_goes_by_the_assets_name() -> None:
    error = StoreError("s3://x/analytic_scores: table tiny.analytic_scores.a-1: the disk is full")
    assert in_words_of_assets(error) == (
        "s3://x/analytic_scores: table tiny.robust_scores.a-1: the disk is full"
    )
    assert in_words_of_assets(StoreError("table tiny.pilot_deltas")) == "table tiny.calibration"
    assert in_words_of_assets(ValueError("pilot_deltas")) == "pilot_deltas"
