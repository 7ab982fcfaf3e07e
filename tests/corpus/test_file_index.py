import gzip
import json
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

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


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    put(tmp_path / "raw" / "a.jsonl", 5)
    (tmp_path / "store").mkdir(mode=0o555)
    assert len(discover_shards(corpus(tmp_path, rows_per_shard=2))) == 3


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
    real = readers.read_records
    calls: list[int] = []

    def late(*arguments: object, **options: object) -> object:
        calls.append(1)
        if len(calls) == 1:
            put(path, 400, first=100_000)
        return real(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(readers, "read_records", late)
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
