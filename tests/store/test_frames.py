"""Columns of stored tables in the forms that scores are made from."""

import numpy as np
import pyarrow as pa

from tshirt_assets.store.frames import lists_of


def test_lists_of_a_column_are_arrays_of_their_own_lengths() -> None:
    rows = [[1.0, 2.0], [], [3.0], [0.5, 0.25, -1.0]]
    kind = pa.list_(pa.float32())
    column = pa.chunked_array([pa.array(rows[:1], kind), pa.array([[9.0], *rows[1:]], kind)[1:]])
    found = lists_of(column)
    assert [part.tolist() for part in found] == rows
    assert {part.dtype for part in found} == {np.dtype(np.float32)}
    assert lists_of(column[:0]) == []
