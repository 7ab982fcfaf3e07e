"""Of a file that has changed in a few lines only those are parsed, and nothing else differs."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.readers import read_stable
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.incremental import known_rows
from tshirt_assets.incremental.identity import data_version
from tshirt_assets.incremental.known_rows import read_again
from tshirt_assets.incremental.writing import write_table
from tshirt_assets.store.store import Store

LOG = logging.getLogger("test")


def line(number: int) -> str:
    turns = [
        {"role": "user", "content": f"question {number}"},
        {"role": "assistant", "content": f"answer {number}"},
    ]
    more = [{**turn, "content": f"another {turn['content']}"} for turn in turns]
    return json.dumps({"messages": turns + more * (number % 3 == 0)})


class File:
    """A corpus of one file, whose shards are read as `samples` reads them."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.path = folder / "rows.jsonl"
        self._values = {
            "name": "read",
            "paths": [str(self.path)],
            "scorer": "none",
            "store": str(folder / "store"),
            "export_dir": str(folder / "exports"),
            "turns": "all",
            "rows_per_shard": 30,
            "recipes": {"random": {"method": "random", "budget": 1}},
        }
        self.set(**options)
        self.parsed = 0

    def set(self, **options: Any) -> None:
        self._values |= options
        self.config = CorpusConfig(**self._values)
        self.store = Store(self.config.store)

    def put(self, lines: list[str]) -> None:
        self.path.write_text("\n".join(lines), encoding="utf-8")

    def read(self) -> int:
        """Read and store all shards, as a whole reading would give them; the lines parsed."""
        self.parsed = 0
        for spec in discover_shards(self.config):
            whole, version = read_stable(spec, self.config)
            reading = read_again(self.store, spec, self.config, LOG)
            assert reading.version == version
            assert reading.table.schema == whole.schema
            assert reading.table.to_pylist() == whole.to_pylist()
            assert data_version(reading.table) == data_version(whole)
            info = write_table(self.store, "read", "samples", spec.key, reading.table)
            reading.keep(info, self.config)
        return self.parsed


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> File:
    found = File(tmp_path)
    real = known_rows.item_samples

    def counted(*arguments: Any) -> Any:
        found.parsed += 1
        return real(*arguments)

    monkeypatch.setattr(known_rows, "item_samples", counted)
    return found


def test_only_changed_and_broken_lines_are_parsed(file: File) -> None:
    lines = [line(number) for number in range(70)]
    lines[40] = "{ broken"
    lines[41] = json.dumps({"messages": []})
    file.put(lines)
    assert file.read() == 70
    assert file.read() == 1
    lines[3], lines[35] = line(300), line(301)
    file.put(lines)
    assert file.read() == 3
    del lines[45:48]
    lines.insert(42, line(42))
    file.put(lines)
    assert 1 < file.read() < 10  # what has moved to another shard, too
    lines = lines[:31]
    file.put(lines)
    file.read()


def test_another_way_of_reading_or_other_stored_rows_parse_all(file: File) -> None:
    file.put([line(number) for number in range(20)])
    assert file.read() == 20
    file.set(turns="last")
    assert file.read() == 20
    [spec] = discover_shards(file.config)
    table = file.store.read("read", "samples", spec.key)
    write_table(file.store, "read", "samples", spec.key, table.slice(0, 19))
    assert file.read() == 20
    for kept in Path(file.config.store, ".index").glob("*.rows"):
        kept.write_bytes(kept.read_bytes()[:-16])
    assert file.read() == 20


def test_values_that_are_no_lines_are_all_parsed(file: File) -> None:
    rows = [json.loads(line(number)) for number in range(20)]
    file.path.write_text(json.dumps(rows), encoding="utf-8")
    assert file.read() == 20
    assert file.read() == 20
