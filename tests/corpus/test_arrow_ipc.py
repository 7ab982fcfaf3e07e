import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.files import index_records, read_records

ROWS: list[dict[str, Any]] = [{"prompt": f"q {n}", "response": "a"} for n in range(50)]


def write(path: Path, kind: str) -> str:
    table = pa.Table.from_pylist(ROWS)
    new = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
    with pa.OSFile(str(path), "wb") as sink, new(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=10)
    return str(path)


@pytest.mark.parametrize("kind", ["file", "stream"])
@pytest.mark.parametrize(("start", "stop"), [(0, None), (0, 3), (8, 23), (40, 90), (60, 70)])
def test_ranges_are_slices(tmp_path: Path, kind: str, start: int, stop: int | None) -> None:
    path = write(tmp_path / "x.arrow", kind)
    assert [record.fields for record in read_records(path, start, stop)] == ROWS[start:stop]
    assert index_records(path).rows == 50


@pytest.mark.parametrize("kind", ["file", "stream"])
def test_compressed_around(tmp_path: Path, kind: str) -> None:
    plain = Path(write(tmp_path / "x.feather", kind))
    packed = tmp_path / "y.feather.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert [record.fields for record in read_records(str(packed))] == ROWS


def test_a_cut_stream_keeps_the_rows_before_the_cut(tmp_path: Path) -> None:
    path = Path(write(tmp_path / "x.arrow", "stream"))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    *good, last = read_records(str(path))
    assert [record.fields for record in good] == ROWS[: len(good)]
    assert len(good) >= 20
    assert last.ends_early
    assert "cannot be read" in (last.fault or "")
    assert "nor anything after it" in (last.fault or "")
    assert index_records(str(path)).rows == len(good) + 1


def test_a_broken_batch_of_a_file_hides_no_other(tmp_path: Path) -> None:
    path = Path(write(tmp_path / "x.arrow", "file"))
    data = path.read_bytes()
    with pa.ipc.open_file(str(path)) as reader:
        offsets = [reader.get_batch(n)["prompt"].buffers()[1].to_pybytes() for n in range(2)]
    for found in offsets:  # of texts: they now run backwards
        place = data.index(found)
        data = data[: place + 4] + b"\xff\xff\xff\x7f" + data[place + 8 :]
    path.write_bytes(data)
    *good, last = read_records(str(path))
    assert [record.fields for record in good] == ROWS[20:]
    assert last.ends_early
    assert "batch 1 cannot be read" in (last.fault or "")
    assert index_records(str(path)).rows == len(good) + 1


@pytest.mark.parametrize("data", [b"", b"ARROW1", b"no Arrow at all"])
def test_a_file_that_is_none_raises_one_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.arrow"
    path.write_bytes(data)
    with pytest.raises(CorpusError, match="not a readable Arrow file") as caught:
        list(read_records(str(path)))
    assert "\n" not in str(caught.value)
