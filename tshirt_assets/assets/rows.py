"""Rows of a stored samples table in the forms that the assets work with."""

import polars as pl
import pyarrow as pa

from tshirt_assets.assets.schemas import ROW
from tshirt_assets.corpus.sample import Sample, from_table
from tshirt_assets.corpus.status import Status

ROW_COLUMNS = [field.name for field in ROW]


def to_frame(table: pa.Table) -> pl.DataFrame:
    """A polars frame over an Arrow table."""
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def row_frame(table: pa.Table) -> pl.DataFrame:
    """The ROW columns of a table, in stored order."""
    return to_frame(table.select(ROW_COLUMNS))


def samples_by_id(table: pa.Table) -> dict[str, Sample]:
    """The usable samples of a samples table; of duplicates the first."""
    samples: dict[str, Sample] = {}
    for sample in from_table(table):
        if sample.status is Status.OK:
            samples.setdefault(sample.sample_id, sample)
    return samples


def to_schema(frame: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    """The frame in exactly the columns and types of `schema`; absent columns are null."""
    table = frame.to_arrow()
    columns = [
        table[field.name].cast(field.type)
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)
