import datetime
import gzip
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.files import count_records, read_records


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
    assert count_records(path) == 12


def test_compressed_around_and_without_rows(tmp_path: Path) -> None:
    plain = tmp_path / "x.parquet"
    pq.write_table(pa.table({"a": ["x", None]}), plain)
    packed = tmp_path / "x.parquet.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert [r.fields for r in read_records(str(packed))] == [{"a": "x"}, {"a": None}]
    pq.write_table(pa.table({"a": pa.array([], pa.string())}), plain)
    assert list(read_records(str(plain))) == []
    assert count_records(str(plain)) == 0


def test_a_value_that_cannot_be_decoded_spoils_its_own_row(tmp_path: Path) -> None:
    broken = pa.array([b"good", b"\xff\xfe", b"fine"], pa.binary()).view(pa.string())
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"a": broken}), path)
    records = list(read_records(str(path)))
    assert [r.fields.get("a") for r in records] == ["good", None, "fine"]
    assert [r.fault is None for r in records] == [True, False, True]


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
