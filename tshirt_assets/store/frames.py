"""Stored tables as frames, and the condition that a scan selects rows by."""

from collections.abc import Iterable

import numpy as np
import polars as pl
import pyarrow as pa


def to_frame(table: pa.Table) -> pl.DataFrame:
    """A polars frame over an Arrow table."""
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


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


def lists_of(column: pa.ChunkedArray) -> list[np.ndarray]:
    """The lists of numbers in a column without nulls, one array each; read-only."""
    lists = column.combine_chunks()
    ends = lists.value_lengths().to_numpy(zero_copy_only=False).cumsum().tolist()
    values = lists.flatten().to_numpy()
    return [values[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def with_ids(sample_ids: Iterable[str]) -> str:
    """The condition, for a scan of a table, that a row has one of these sample ids."""
    return f"sample_id IN ({', '.join(map(repr, sample_ids))})"


def vector_column(vectors: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    """Vectors (n, C) as one column of lists of a fixed size, null where they are `missing` (n,)."""
    mask = None if missing is None else pa.array(missing)
    flat = pa.array(vectors.reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1], mask=mask)
