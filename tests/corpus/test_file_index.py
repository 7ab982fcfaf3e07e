import errno
import gzip
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus import bytestream, file_index, files, readers
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.places import FileIndex
from tshirt_assets.corpus.readers import read_shard, read_stable
from tshirt_assets.corpus.shards import discover_shards


def put(path: Path, count: int, first: int = 0) -> Path:
    """A file of so many rows, whose modification time differs from any before."""
    rows = [{"prompt": f"question {n}", "response": "x"} for n in range(first, first + count)]
    text = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
    path.parent.mkdir(exist_ok=True)
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    os.utime(path, ns=(before + 10**9, before + 10**9))
    return path


def corpus(folder: Path, name: str = "*", **options: object) -> CorpusConfig:
    paths = (str(folder / "raw" / name),)
    return CorpusConfig(name="c", paths=paths, store=str(folder / "store"), **options)


def stored(folder: Path) -> list[Path]:
    return sorted((folder / "store" / ".index").iterdir())


def questions(config: CorpusConfig, number: int) -> list[str]:
    return [s.instruction for s in read_shard(discover_shards(config)[number], config)]


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_index, "_known", {})


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that were read to count their rows."""
    found: list[str] = []
    real = files.index_records

    def count(path: str, *, max_row_bytes: int) -> FileIndex:
        found.append(Path(path).name)
        return real(path, max_row_bytes=max_row_bytes)

    monkeypatch.setattr(file_index, "index_records", count)
    return found


def another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_index, "_known", {})


def test_a_file_is_counted_once_for_all_processes(
    tmp_path: Path, scans: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "raw" / "a.jsonl", 5)
    changing = put(tmp_path / "raw" / "b.jsonl", 5)
    config = corpus(tmp_path, rows_per_shard=2)
    for _ in range(2):
        assert len(discover_shards(config)) == 6
        another_process(monkeypatch)
    assert scans == ["a.jsonl", "b.jsonl"]
    put(changing, 7)
    for _ in range(2):
        assert len(discover_shards(config)) == 7
        another_process(monkeypatch)
    assert scans == ["a.jsonl", "b.jsonl", "b.jsonl"]
    assert len(stored(tmp_path)) == 2


def test_the_longest_row_is_part_of_what_an_index_is_of(tmp_path: Path, scans: list[str]) -> None:
    put(tmp_path / "raw" / "a.jsonl", 3)
    for limit in (1 << 16, 1 << 17, 1 << 16):
        discover_shards(corpus(tmp_path, max_row_bytes=limit))
    assert len(scans) == len(stored(tmp_path)) == 2


def test_an_index_is_held_and_then_costs_no_look_at_the_store(tmp_path: Path) -> None:
    path = str(put(tmp_path / "raw" / "a.jsonl", 3))
    config = corpus(tmp_path)
    index = file_index.file_index(path, config)
    stored(tmp_path)[0].unlink()
    assert file_index.file_index(path, config) is index


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda data: data[:-5], "is damaged"),
        (lambda data: data.replace(b'"rows":5', b'"rows":9'), "is damaged"),
        (lambda data: b"", "is damaged"),
        (lambda data: b"2" + data[1:], "is damaged"),
        (lambda data: _of_version(b"2", data), "is of a newer version"),
        (lambda data: _of_version(b"0", data), None),
    ],
)
def test_an_index_that_is_of_no_use_is_built_again(
    tmp_path: Path,
    scans: list[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    damage: object,
    says: str | None,
) -> None:
    path = put(tmp_path / "raw" / "a.jsonl", 5)
    config = corpus(tmp_path)
    file_index.file_index(str(path), config)
    [kept] = stored(tmp_path)
    whole = kept.read_bytes()
    kept.write_bytes(damage(whole))  # type: ignore[operator]
    another_process(monkeypatch)
    assert file_index.file_index(str(path), config).rows == 5
    assert len(scans) == 2
    assert kept.read_bytes() == whole
    warnings = [r.message for r in caplog.records if r.levelno == logging.WARNING]
    assert len(warnings) == (says is not None)
    assert says is None or (says in warnings[0] and str(path) in warnings[0])


def _of_version(version: bytes, data: bytes) -> bytes:
    text = data.partition(b"\n")[2]
    return version + b" " + file_index._check(version, text) + b"\n" + text


def test_without_a_place_to_keep_it_everything_works(tmp_path: Path, scans: list[str]) -> None:
    put(tmp_path / "raw" / "a.jsonl", 5)
    (tmp_path / "store").write_text("a file, where a folder should be")
    config = corpus(tmp_path, rows_per_shard=2)
    assert questions(config, 2) == ["question 4"]
    assert questions(config, 1) == ["question 2", "question 3"]
    assert len(scans) == 1


def test_a_folder_that_cannot_be_written_to(
    tmp_path: Path, scans: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "raw" / "a.jsonl", 5)
    config = corpus(tmp_path, rows_per_shard=2)
    discover_shards(config)

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    for name in ("write_bytes", "mkdir", "unlink"):
        monkeypatch.setattr(Path, name, refused)
    monkeypatch.setattr(os, "utime", refused)
    another_process(monkeypatch)
    assert len(discover_shards(config)) == 3  # what is there is used
    assert file_index.drop_unused(config, timedelta(seconds=-9)) == 0
    monkeypatch.setattr(file_index, "FOLDER", ".elsewhere")
    another_process(monkeypatch)
    assert len(discover_shards(config)) == 3
    assert len(discover_shards(config)) == 3
    assert len(scans) == 2


def test_indexes_that_nobody_uses_are_dropped(
    tmp_path: Path, scans: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        put(tmp_path / "raw" / name, 5)
    config = corpus(tmp_path)
    assert file_index.drop_unused(config, timedelta(0)) == 0  # there is no folder yet
    discover_shards(config)
    (tmp_path / "store" / ".index" / f".half.{'0' * 32}").write_text("killed")
    for kept in stored(tmp_path):
        os.utime(kept, (time.time() - 999, time.time() - 999))
    (tmp_path / "raw" / "b.jsonl").unlink()
    another_process(monkeypatch)
    discover_shards(config)
    assert file_index.drop_unused(config, timedelta(seconds=99)) == 2
    assert len(stored(tmp_path)) == 1
    another_process(monkeypatch)
    discover_shards(config)
    assert scans == ["a.jsonl", "b.jsonl"]


def test_of_tables_in_an_object_store_the_index_is_in_the_cache_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TSHIRT_ASSETS_CACHE", str(tmp_path / "store"))
    path = put(tmp_path / "raw" / "a.jsonl", 5)
    discover_shards(CorpusConfig(name="c", paths=(str(path),), store="s3://bucket/store"))
    assert len(stored(tmp_path)) == 1


def test_two_that_build_it_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(put(tmp_path / "raw" / "a.jsonl", 2000))
    config = corpus(tmp_path)
    barrier = threading.Barrier(4)
    real = files.index_records

    def together(path: str, *, max_row_bytes: int) -> FileIndex:
        barrier.wait()
        return real(path, max_row_bytes=max_row_bytes)

    monkeypatch.setattr(file_index, "index_records", together)
    found: list[FileIndex] = []
    threads = [
        threading.Thread(target=lambda: found.append(file_index.file_index(path, config)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [index.rows for index in found] == [2000] * 4
    assert len(stored(tmp_path)) == 1
    another_process(monkeypatch)
    monkeypatch.setattr(file_index, "index_records", None)  # it is whole: none is built
    assert file_index.file_index(path, config) == found[0]


def test_two_processes_that_build_it_at_once(tmp_path: Path) -> None:
    path = put(tmp_path / "raw" / "a.jsonl", 20_000)
    code = (
        "import sys; from tshirt_assets.config import CorpusConfig\n"
        "from tshirt_assets.corpus.file_index import file_index\n"
        "path, store = sys.argv[1:]\n"
        "config = CorpusConfig(name='c', paths=(path,), store=store)\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "print(file_index(path, config).rows)"
    )
    command = [sys.executable, "-c", code, str(path), str(tmp_path / "store")]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as one, subprocess.Popen(command, **pipes) as other:
        for process in (one, other):
            assert process.stdout.readline() == "ready\n"  # type: ignore[union-attr]
        for process in (one, other):
            process.stdin.write("\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]
        assert [process.communicate()[0] for process in (one, other)] == ["20000\n"] * 2
    [kept] = stored(tmp_path)
    index = file_index._load(kept, str(path))
    assert index is not None
    assert index.rows == 20_000


def test_a_file_that_changes_while_it_is_indexed_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path / "raw" / "a.jsonl", 3)
    real = files.index_records

    def meanwhile(name: str, *, max_row_bytes: int) -> FileIndex:
        index = real(name, max_row_bytes=max_row_bytes)
        put(path, 9)
        return index

    monkeypatch.setattr(file_index, "index_records", meanwhile)
    config = corpus(tmp_path)
    assert file_index.file_index(str(path), config).rows == 3
    assert not (tmp_path / "store").exists()
    monkeypatch.setattr(file_index, "index_records", real)
    assert file_index.file_index(str(path), config).rows == 9


def test_what_the_operating_system_cannot_read_is_not_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path / "raw" / "a.jsonl", 300)
    real = bytestream._decoded

    def failing(*arguments: object) -> Iterator[bytes]:
        for chunk in real(*arguments):  # type: ignore[arg-type]
            yield chunk[:1000]
            raise OSError(5, "Input/output error")

    config = corpus(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(bytestream, "_decoded", failing)
        assert file_index.file_index(str(path), config).rows < 300
    assert file_index.file_index(str(path), config).rows == 300


def test_a_file_that_changed_since_it_was_indexed_is_read_as_it_is(tmp_path: Path) -> None:
    path = put(tmp_path / "raw" / "a.jsonl", 400)
    config = corpus(tmp_path, rows_per_shard=150)
    [_, _, spec] = discover_shards(config)
    put(path, 400, first=100_000)
    table, version = read_stable(spec, config)
    assert table["instruction"].to_pylist() == [f"question {n}" for n in range(100_300, 100_400)]
    assert version == readers.file_version(spec)


def test_a_file_that_changes_between_index_and_read_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path / "raw" / "a.jsonl", 400)
    config = corpus(tmp_path, rows_per_shard=150)
    [_, _, spec] = discover_shards(config)
    real = readers.read_items
    calls: list[int] = []

    def late(*arguments: object, **options: object) -> object:
        calls.append(1)
        if len(calls) == 1:
            put(path, 400, first=100_000)
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(readers, "read_items", late)
    table, _ = read_stable(spec, config)
    assert len(calls) == 2
    assert table["instruction"].to_pylist() == [f"question {n}" for n in range(100_300, 100_400)]


def test_a_file_that_shrank_or_is_gone_says_so(tmp_path: Path) -> None:
    path = put(tmp_path / "raw" / "a.jsonl", 5)
    config = corpus(tmp_path, rows_per_shard=2)
    [_, _, spec] = discover_shards(config)
    put(path, 3)
    with pytest.raises(CorpusError, match=r"a\.jsonl: has no rows from 5 on any more"):
        read_stable(spec, config)
    path.unlink()
    with pytest.raises(CorpusError, match=r"a\.jsonl: cannot be read \(No such file"):
        read_stable(spec, config)


def laid_out(path: Path, count: int) -> Path:
    """A file of so many rows in the format that its name says."""
    rows = [{"prompt": f"question {n}", "response": "x"} for n in range(count)]
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".json":
        path.write_text(json.dumps(rows))
    elif path.suffix == ".csv":
        path.write_text("prompt,response\n" + "".join(f"question {n},x\n" for n in range(count)))
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=50)
    elif path.suffix == ".arrow":
        table = pa.Table.from_pylist(rows)
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=50)
    else:
        put(path, count)
    return path


NAMES = ("a.jsonl", "a.jsonl.gz", "a.json", "a.csv", "a.parquet", "a.arrow")


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_shrinks_behind_its_index_is_incomplete_or_says_so(
    tmp_path: Path, name: str
) -> None:
    path = laid_out(tmp_path / "raw" / name, 1000)
    index = files.index_records(str(path))
    assert index.rows == 1000
    whole, told = path.read_bytes(), 0
    for size in (len(whole) * 3 // 4 - 3, len(whole) // 10, 0):
        path.write_bytes(whole[:size])
        for start in (0, 900):
            try:
                found = list(files.read_records(str(path), start, start + 100, index=index))
            except CorpusError as error:
                found = []
                told += str(path) in str(error)
            rows = [record for record in found if record.fault is None]
            numbers = [int(record.fields["prompt"].split()[1]) for record in rows]
            assert numbers == list(range(start, start + len(rows)))
            if found and len(rows) < 100 and name != "a.csv":  # of which any beginning is whole
                assert found[-1].ends_early
    if name.endswith((".parquet", ".arrow")):
        assert told == 6


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("gone", [True, False])
def test_a_file_that_goes_or_shrinks_while_it_is_read_is_read_as_it_became(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, gone: bool
) -> None:
    path = laid_out(tmp_path / "raw" / name, 400)
    config = corpus(tmp_path, rows_per_shard=150)
    specs = discover_shards(config)
    real = readers.read_items
    left = laid_out(tmp_path / "short" / name, 160).read_bytes()

    def late(*arguments: object, **options: object) -> object:
        if gone:
            path.unlink(missing_ok=True)
        elif path.stat().st_size != len(left):
            path.write_bytes(left)
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(readers, "read_items", late)
    if gone:
        with pytest.raises(CorpusError, match=r"cannot be read|not a readable"):
            read_stable(specs[1], config)
        with pytest.raises(CorpusError, match=r"cannot be read \(No such file"):
            read_stable(specs[0], config)
        return
    table, _ = read_stable(specs[1], config)
    assert table["instruction"].to_pylist() == [f"question {n}" for n in range(150, 160)]
    with pytest.raises(CorpusError, match=r"has no rows from 301 on any more"):
        read_stable(specs[2], config)


def test_a_file_that_keeps_changing_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path / "raw" / "a.jsonl", 40)
    config = corpus(tmp_path)
    [spec] = discover_shards(config)
    real, sizes = readers.read_items, iter((30, 20))

    def shrinking(*arguments: object, **options: object) -> object:
        put(path, next(sizes))
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(readers, "read_items", shrinking)
    with pytest.raises(CorpusError, match="keeps changing while it is read"):
        read_stable(spec, config)


def test_shards_of_a_compressed_file_are_read_in_one_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path / "raw" / "a.jsonl.gz", 10)
    config = corpus(tmp_path, rows_per_shard=3)
    specs = discover_shards(config)
    opened: list[str] = []
    real = files.byte_chunks

    def counted(path: str, *arguments: object) -> Iterator[bytes]:
        opened.append(path)
        return real(path, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(files, "byte_chunks", counted)
    read = [s.instruction for spec in specs for s in read_shard(spec, config)]
    assert read == [f"question {n}" for n in range(10)]
    assert len(opened) == 1
    list(read_shard(specs[0], config))
    put(path, 10, first=50)
    read = [s.instruction for s in read_shard(specs[1], config)]  # not the stream of the old file
    assert read == ["question 53", "question 54", "question 55"]
