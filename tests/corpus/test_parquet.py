import datetime
import gzip
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.files import index_records, read_records
from tshirt_assets.corpus.records import Undecodable


@pytest.mark.parametrize("row_group_size", [1, 3, 100])
@pytest.mark.parametrize(
    ("start", "stop"), [(0, 0), (0, 3), (2, 8), (9, None), (30, 40), (0, None)]
)
def test_ranges_are_slices_whatever_the_row_groups(
    tmp_path: Path, row_group_size: int, start: int, stop: int | None
) -> None:
    rows = [{"n": n, "turns": [{"from": "human", "value": str(n)}]} for n in range(12)]
    path = str(tmp_path / "x.parquet")
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=row_group_size)
    assert [r.fields for r in read_records(path, start, stop)] == rows[start:stop]
    assert index_records(path).rows == 12


def test_compressed_around_and_without_rows(tmp_path: Path) -> None:
    plain = tmp_path / "x.parquet"
    pq.write_table(pa.table({"a": ["x", None]}), plain)
    packed = tmp_path / "x.parquet.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert [r.fields for r in read_records(str(packed))] == [{"a": "x"}, {"a": None}]
    pq.write_table(pa.table({"a": pa.array([], pa.string())}), plain)
    assert list(read_records(str(plain))) == []
    assert index_records(str(plain)).rows == 0


def test_text_that_is_not_utf8_spoils_only_its_field(tmp_path: Path) -> None:
    broken = pa.array([b"good", b"\xff\xfe", b"fine"], pa.binary()).view(pa.string())
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"a": broken, "b": ["1", "2", "3"]}), path)
    records = list(read_records(str(path)))
    assert [r.fields["a"] for r in records] == ["good", "\udcff\udcfe", "fine"]
    assert [r.fields["b"] for r in records] == ["1", "2", "3"]
    assert [r.fault for r in records] == [None] * 3


def test_values_that_python_cannot_hold_cost_no_row(tmp_path: Path) -> None:
    broken = pa.array([b"\xff", b"fine"], pa.binary()).view(pa.string())
    table = pa.table(
        {
            "a": ["x", "y"],
            "ns": pa.array([1, 1_000], pa.timestamp("ns")),
            "far": pa.array([2**40, 0], pa.timestamp("s")),
            "nested": pa.StructArray.from_arrays([broken], ["value"]),
        }
    )
    path = tmp_path / "x.parquet"
    pq.write_table(table, path)
    first, second = read_records(str(path))
    assert (first.fields["a"], first.fault) == ("x", None)
    assert "out of range" in str(first.fields["far"])
    assert "1970-01-01" in str(first.fields["ns"])
    assert isinstance(first.fields["nested"], Undecodable)
    assert second.fields["nested"] == {"value": "fine"}


def test_a_broken_row_group_costs_its_own_rows(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    rows = pa.table({"a": [str(n) * 50 for n in range(300)]})
    pq.write_table(rows, path, row_group_size=100, compression="gzip")
    column = pq.ParquetFile(path).metadata.row_group(1).column(0)
    at, size = (
        column.dictionary_page_offset or column.data_page_offset,
        column.total_compressed_size,
    )
    data = bytearray(path.read_bytes())
    data[at : at + size] = b"\xff" * size
    path.write_bytes(data)
    records = list(read_records(str(path)))
    assert len(records) == index_records(str(path)).rows == 300
    assert [r.fault is None for r in records] == [True] * 100 + [False] * 100 + [True] * 100
    assert "row group 2 cannot be decoded" in (records[100].fault or "")
    assert list(read_records(str(path), 150, 250)) == records[150:250]


def test_a_broken_column_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    table = pa.table({"a": [str(n) for n in range(300)], "b": [str(n) * 50 for n in range(300)]})
    pq.write_table(table, path, compression="gzip")
    column = pq.ParquetFile(path).metadata.row_group(0).column(1)
    at, size = (
        column.dictionary_page_offset or column.data_page_offset,
        column.total_compressed_size,
    )
    data = bytearray(path.read_bytes())
    data[at : at + size] = b"\xff" * size
    path.write_bytes(data)
    records = list(read_records(str(path)))
    assert [r.fields["a"] for r in records] == [str(n) for n in range(300)]
    assert all(isinstance(r.fields["b"], Undecodable) for r in records)


@pytest.mark.parametrize("seed", range(40))
def test_flipped_bytes_never_raise_anything_else(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    path = tmp_path / "x.parquet"
    table = pa.table({"instruction": [f"é {n}" for n in range(50)], "n": list(range(50))})
    pq.write_table(table, path, row_group_size=20)
    data = bytearray(path.read_bytes())
    for _ in range(draw.randint(1, 20)):
        data[draw.randrange(len(data))] = draw.randrange(256)
    path.write_bytes(data)
    try:
        found = len(list(read_records(str(path))))
    except CorpusError:
        return
    assert found == index_records(str(path)).rows


def test_dates_arrive_as_dates(tmp_path: Path) -> None:
    day = datetime.date(2024, 2, 29)
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"day": [day]}), path)
    assert [r.fields for r in read_records(str(path))] == [{"day": day}]


def damage_footer(data: bytes) -> bytes:
    return data[: len(data) // 2]


def damage_pages(data: bytes) -> bytes:
    return data[:4] + b"\xff" * 200 + data[204:]


@pytest.mark.parametrize("damage", [damage_footer, damage_pages, lambda data: b""])
def test_a_corrupt_file_raises_one_line(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"a": [str(n) for n in range(1000)]}), path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CorpusError, match="not a readable Parquet file") as caught:
        list(read_records(str(path)))
    assert "\n" not in str(caught.value)


def test_a_cut_compressed_parquet_file_raises(tmp_path: Path) -> None:
    plain = tmp_path / "x.parquet"
    pq.write_table(pa.table({"a": [str(n) for n in range(20_000)]}), plain)
    packed = tmp_path / "y.parquet.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes())[:-2000])
    with pytest.raises(CorpusError, match="not a readable Parquet file"):
        list(read_records(str(packed)))


def test_folders_that_name_a_field(tmp_path: Path) -> None:
    folder = tmp_path / "lang=de" / "source=a%2Fb" / "year=__HIVE_DEFAULT_PARTITION__"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"prompt": ["Q", "R"], "lang": ["fr", None]}), folder / "x.parquet")
    fields = [record.fields for record in read_records(str(folder / "x.parquet"))]
    assert fields == [
        {"lang": "fr", "source": "a/b", "year": None, "prompt": "Q"},
        {"lang": None, "source": "a/b", "year": None, "prompt": "R"},
    ]
