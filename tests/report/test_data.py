"""What a report reads off a ranking."""

import polars as pl

from tests.report.selection import ranking, report_data


def test_values_are_finite_and_missing_columns_empty() -> None:
    table = ranking().with_columns(
        miwv=pl.when(pl.col("row") == 1).then(float("nan")).otherwise(pl.col("miwv")),
        ifd=pl.when(pl.col("row") == 2).then(None).otherwise(pl.col("ifd")),
    )
    data = report_data(ranking=table)
    assert len(data.values("miwv")) == 199
    assert len(data.values("ifd", selected=True)) == 9
    assert len(data.values("nothing")) == 0
