"""Tables as Python holds them become the records that a file gives."""

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.tables import in_memory, table_records, table_rows, used_up

ROWS: list[dict[str, Any]] = [
    {
        "instruction": f"question {number}",
        "output": "é" * (number % 7),
        "score": None if number % 3 else number / 2,
        "messages": [
            {"role": "user", "content": str(number)},
            {"role": "assistant", "content": "so"},
        ],
    }
    for number in range(2500)
]
TABLE = pa.Table.from_pylist(ROWS)


@pytest.fixture
def config(tmp_path: Path) -> CorpusConfig:
    return CorpusConfig(name="c", source_asset="raw", store=str(tmp_path / "store"))


def hub_dataset() -> Any:
    datasets = pytest.importorskip("datasets")
    return datasets.Dataset(TABLE)


def pandas_frame() -> Any:
    pytest.importorskip("pandas")
    return TABLE.to_pandas()


REPEATABLE: dict[str, Callable[[], Any]] = {
    "polars DataFrame": lambda: pl.DataFrame(ROWS),
    "polars LazyFrame": lambda: pl.LazyFrame(ROWS),
    "pandas": pandas_frame,
    "pyarrow Table": lambda: TABLE,
    "pyarrow RecordBatch": lambda: TABLE.combine_chunks().to_batches()[0],
    "pyarrow Dataset": lambda: pa.dataset.dataset(TABLE),
    "datasets": hub_dataset,
    "list": lambda: ROWS,
}
ONCE: dict[str, Callable[[], Any]] = {
    "pyarrow RecordBatchReader": lambda: TABLE.to_reader(max_chunksize=600),
    "generator": lambda: (row for row in ROWS),
}


@pytest.mark.parametrize("kind", [*REPEATABLE, *ONCE])
def test_every_kind_of_table_gives_the_same_records(kind: str, config: CorpusConfig) -> None:
    made = (REPEATABLE | ONCE)[kind]
    for start, stop in ((0, None), (0, 10), (1000, 2100), (2490, 9000), (2500, None)):
        found = [record.fields for record in table_records(made(), config, start, stop)]
        assert found == ROWS[start:stop], (start, stop)
    assert table_rows(made(), config) == len(ROWS)
    assert used_up(made()) == (kind in ONCE)


def test_a_folder_gives_the_rows_of_its_files_in_natural_order(
    config: CorpusConfig, tmp_path: Path
) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    pa.parquet.write_table(TABLE.slice(1700), folder / "part10.parquet")
    lines = "".join(f"{json.dumps(row)}\n" for row in ROWS[:1700])
    (folder / "part2.jsonl").write_text(lines)
    for value in (folder, str(folder)):
        assert table_rows(value, config) == len(ROWS)
        for start, stop in ((0, None), (1600, 1800), (1800, 1900), (2500, 2600)):
            found = [record.fields for record in table_records(value, config, start, stop)]
            assert found == ROWS[start:stop], (start, stop)


def test_what_is_in_memory_is_known(config: CorpusConfig) -> None:
    whole = {"polars DataFrame", "pandas", "pyarrow Table", "pyarrow RecordBatch", "list"}
    there = {kind for kind in REPEATABLE if find_spec(kind.split()[0]) or kind == "list"}
    assert {kind for kind in there if in_memory(REPEATABLE[kind]())} == whole & there


@pytest.mark.parametrize(
    ("value", "named"),
    [(None, "nothing (None)"), (7, "a int"), ({"a": [1]}, "a dict"), (b"rows", "a bytes")],
)
def test_what_is_no_table_is_named(value: Any, named: str, config: CorpusConfig) -> None:
    with pytest.raises(CorpusError) as caught:
        next(table_records(value, config))
    assert str(caught.value).startswith(f"{named} is no table; rows are read from a DataFrame or ")
    assert not in_memory(value)


def test_what_cannot_be_read_says_why(config: CorpusConfig, tmp_path: Path) -> None:
    missing = str(tmp_path / "gone.parquet")
    with pytest.raises(CorpusError, match=r"gone\.parquet: there is no file with rows"):
        next(table_records(missing, config))
    query = pl.LazyFrame({"a": [1]}).select("b")
    with pytest.raises(CorpusError, match=r"a polars\.LazyFrame that cannot be read \(.*b"):
        next(table_records(query, config))


def test_an_element_that_is_no_row_keeps_its_place(config: CorpusConfig) -> None:
    records = [*table_records([{"a": 1}, "text", {2: "b"}], config)]
    assert [record.fields for record in records] == [{"a": 1}, {}, {"2": "b"}]
    assert records[1].fault == "row 2: a str, not a dict"


def test_columns_of_pandas_with_mixed_types_lose_no_value(config: CorpusConfig) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": ["x", None, 3], 1: [[1], float("nan"), {"b": 2}]})
    found = [record.fields for record in table_records(frame, config)]
    assert found == [{"a": "x", "1": [1]}, {"a": None, "1": None}, {"a": 3, "1": {"b": 2}}]
