"""Data versions: of the rows, not of how they lie in memory or on disk."""

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tshirt_assets.incremental import identity
from tshirt_assets.incremental.identity import data_version
from tshirt_assets.store.store import Store

KIND = pa.struct([("role", pa.string()), ("content", pa.string())])
SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("number", pa.int64()),
        ("flag", pa.bool_()),
        ("score", pa.float64()),
        ("deltas", pa.list_(pa.float32())),
        ("vector", pa.list_(pa.float32(), 3)),
        ("messages", pa.list_(KIND)),
    ]
)
SMALL = st.floats(width=32, allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0)
ROW = st.fixed_dictionaries(
    {
        "text": st.none() | st.text(st.characters(codec="utf-8"), max_size=6),
        "number": st.none() | st.integers(-(2**40), 2**40),
        "flag": st.none() | st.booleans(),
        "score": st.none() | st.floats(allow_nan=False).map(lambda x: x + 0.0),  # one zero
        "deltas": st.none() | st.lists(SMALL, max_size=4),
        "vector": st.none() | st.lists(SMALL, min_size=3, max_size=3),
        "messages": st.none()
        | st.lists(
            st.fixed_dictionaries({"role": st.none() | st.just("user"), "content": st.just("x")}),
            max_size=2,
        ),
    }
)
ROWS = st.lists(ROW, max_size=12)


def table(rows: list[dict]) -> pa.Table:
    return pa.Table.from_pylist(rows, SCHEMA)


@settings(max_examples=40, deadline=None)
@given(ROWS, st.integers(0, 12))
def test_chunks_slices_offsets_and_frames_change_nothing(rows: list[dict], cut: int) -> None:
    whole = table(rows)
    version = data_version(whole)
    assert data_version(pa.concat_tables([whole.slice(0, cut), whole.slice(cut)])) == version
    padded = pa.concat_tables([table(rows[:2]), whole, table(rows[:3])]).combine_chunks()
    assert data_version(padded.slice(len(rows[:2]), len(rows))) == version
    assert data_version(pl.DataFrame(pl.from_arrow(whole)).to_arrow()) == version
    numbers = [7 if row["number"] is None else row["number"] for row in rows]
    nulls = np.array([row["number"] is None for row in rows], dtype=bool)
    other_bytes = pa.array(np.array(numbers, np.int64), mask=nulls)
    assert data_version(whole.set_column(1, "number", other_bytes)) == version


@settings(max_examples=40, deadline=None)
@given(ROWS, ROWS)
def test_other_rows_have_another_version(rows: list[dict], others: list[dict]) -> None:
    same = table(rows).equals(table(others))
    assert (data_version(table(rows)) == data_version(table(others))) is same


@pytest.mark.parametrize("options", [{}, {"new_table_data_storage_version": "2.1"}])
def test_rows_are_stored_as_they_are_whatever_the_format(
    tmp_path_factory: pytest.TempPathFactory, options: dict[str, str]
) -> None:
    """Stores of earlier versions have files of the format that was LanceDB's default."""
    folder = str(tmp_path_factory.mktemp("store"))
    Store(folder, options).write("corpus", "scores", None, table([]), {})

    @settings(max_examples=25, deadline=None)
    @given(ROWS)
    def check(rows: list[dict]) -> None:
        store = Store(folder)
        store.write("corpus", "scores", None, table(rows), {})
        assert data_version(store.read("corpus", "scores")) == data_version(table(rows))

    check()


@pytest.mark.parametrize("rows_at_once", [2, 65_536])
def test_stored_rows_keep_their_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows_at_once: int
) -> None:
    monkeypatch.setattr(identity, "_HASHED_ROWS", rows_at_once)
    nothing: dict = dict.fromkeys(SCHEMA.names)
    something = {
        "text": "é",
        "number": 2,
        "flag": True,
        "score": float("nan"),
        "deltas": [0.5, -1.0],
        "vector": [1.0, 0.0, 0.0],
        "messages": [{"role": "user", "content": None}],
    }
    rows = table([something, nothing, something | {"deltas": []}, nothing, something])
    store = Store(str(tmp_path))
    store.write("corpus", "scores", None, rows, {})
    assert data_version(store.read("corpus", "scores")) == data_version(rows)
