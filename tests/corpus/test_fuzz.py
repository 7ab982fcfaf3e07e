"""Files of random rows, hostile values and random damage: nothing raises, and every row counts.

A good row that no damage touched is read with its content. JSONL and CSV without line ends inside
their fields give one record per line that is not blank, up to where a file is cut.
"""

import csv
import gzip
import io
import json
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus import bytestream, json_window
from tshirt_assets.corpus import files as files_module
from tshirt_assets.corpus import places as places_module
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.files import index_records, read_records
from tshirt_assets.corpus.places import FileIndex
from tshirt_assets.corpus.readers import incomplete_reason
from tshirt_assets.corpus.records import Record
from tshirt_assets.corpus.rows import samples_of
from tshirt_assets.corpus.sample import to_table
from tshirt_assets.corpus.status import Status

CONFIG = CorpusConfig(name="c", paths=("x.jsonl",))
LIMIT = 4_000  # bytes of a row
WORDS = [
    "a",
    "{brace}",
    "[list]",
    "comma,",
    "colon:",
    "é",
    "数据",
    "😀",
    "//",
    "#",
    "NaN",
    '"quoted"',
    "back\\slash",
]
WORDS += ["it's", "\u2028"]
ENDINGS = ["", ".gz", ".zst"]
# What stands in the place of a row's text.
HOSTILE = [
    '{"instruction": "x", "output": "y",}',
    '{"instruction": "x" "output": "y"}',
    '{"instruction": "x, "output": "y"}',
    "{'instruction': 'x', 'output': 'y'}",
    '{"instruction": "a\x01b", "output": "y"}',
    '{"instruction": "x", "n": ' + "9" * 3000 + "9" * 900 + "}",
    '{"instruction": "x", "n": ' + "9" * 5000 + "}",
    '{"instruction": "x", "n": ' + "[" * 1500 + "]" * 1500 + "}",
    '{"instruction": ' + '"' + "x" * 5000 + '"}',
    '{"instruction": "\\ud800", "output": NaN, "more": ' + "[" * 500 + "NaN" + "]" * 500 + "}",
    '{"instruction": Infinity, "output": 1e999, "messages": [{"role": 3}]}',
    '{"conversations": {"from": ["human"], "value": []}, "more": {"a": null}}',
    '{"instruction": "x", "output": "y", "instruction": "z", "n": {"a": 1, "a": 2}}',
    '[{"a": 1, "a": 2}]',
    "null",
    "[1, 2]",
    '"text"',
    "oops",
]


class Draw(random.Random):
    """Random rows and damage."""

    def row(self, number: int) -> dict[str, Any]:
        """A row that says which it is."""
        text = " ".join(self.choices(WORDS, k=self.randint(1, 12)))
        if self.random() < 0.3:
            turns = [{"from": "human", "value": f"{number} {text}"}, {"from": "gpt", "value": text}]
            return {"id": number, "conversations": turns}
        return {"instruction": f"{number} {text}", "input": "", "output": text}

    def flipped(self, data: bytes, count: int) -> bytes:
        """The data with some bytes changed."""
        changed = bytearray(data)
        for _ in range(count if changed else 0):
            changed[self.randrange(len(changed))] = self.randrange(256)
        return bytes(changed)

    def cut(self, data: bytes) -> bytes:
        """A beginning of the data."""
        return data[: self.randrange(len(data) + 1)]


def packed(data: bytes, how: str) -> bytes:
    pack = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}
    return pack.get(how, bytes)(data)


def read(path: Path) -> list[Record] | None:
    """All records, each also as samples and in an Arrow table; None for a file that is none."""
    try:
        found = list(read_records(str(path), max_row_bytes=LIMIT))
    except CorpusError:
        return None
    assert index_records(str(path), max_row_bytes=LIMIT).rows == len(found)
    assert not any(record.ends_early for record in found[:-1])
    samples = [s for row, r in enumerate(found) for s in samples_of(r, "shard", row, CONFIG)]
    assert len(samples) == len(found)
    for record, sample in zip(found, samples, strict=True):
        assert (record.fault is None) or sample.status is not Status.OK
        assert sample.status is Status.OK or sample.status_detail
    table = to_table(samples)
    assert (incomplete_reason(table) is not None) == bool(found and found[-1].ends_early)
    return found


def is_good(record: Record) -> bool:
    return record.fault is None


def fuzz_lines(draw: Draw, folder: Path) -> int:
    rows: list[Any] = [draw.row(n) for n in range(draw.randint(1, 60))]
    lines = [json.dumps(row, ensure_ascii=draw.random() < 0.5) for row in rows]
    for at in range(len(lines)):
        if draw.random() < 0.15:
            lines[at], rows[at] = draw.choice(HOSTILE), None
    end = draw.choice(["\n", "\r\n", "\n\n", " \n\n"])
    path = folder / f"x.{draw.choice(['jsonl', 'json'])}{(how := draw.choice(ENDINGS))}"
    path.write_bytes(packed((end.join(["{}", *lines]) + end).encode(), how))
    found = read(path)
    assert found is not None
    assert len(found) == len(lines) + 1
    for row, record in zip(rows, found[1:], strict=True):
        assert row is None or record.fields == row
    return len(found)


def fuzz_arrays(draw: Draw, folder: Path) -> int:
    rows: list[Any] = [draw.row(n) for n in range(draw.randint(2, 60))]
    indent = draw.choice([None, None, 0, 2])
    texts = [json.dumps(row, ensure_ascii=draw.random() < 0.5, indent=indent) for row in rows]
    for at in range(1, len(texts)):
        if draw.random() < 0.15:
            texts[at], rows[at] = draw.choice(HOSTILE), None
    array = draw.choice([",", ", ", ",\n", " ,\n  "]).join(texts)
    text = draw.choice([f"[{array}]", f"[\n{array}\n]\n", f'{{"v": 1, "data": [{array}]}}'])
    path = folder / f"x.{draw.choice(['json', 'jsonl'])}{(how := draw.choice(ENDINGS))}"
    path.write_bytes(packed(text.encode(), how))
    found = read(path)
    assert found is not None
    good = [row for row in rows if row is not None]
    assert [r.fields for r in found if is_good(r) and r.fields in good] == good
    return len(found)


def fuzz_csv(draw: Draw, folder: Path) -> int:
    rows = [
        {"instruction": f"{n} {draw.choice(WORDS)}", "output": " ".join(draw.choices(WORDS, k=3))}
        for n in range(draw.randint(1, 60))
    ]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, ["instruction", "output"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    lines = [f"{line}\n" for line in buffer.getvalue().rstrip("\n").split("\n")]
    broken = set()
    for at in range(1, len(lines)):
        if draw.random() < 0.1:
            lines[at] = draw.choice(['"open,x\n', 'a,"open\n', "only\n", "1,2,3\n", '"x"y,2\n'])
            broken.add(at - 1)
    path = folder / f"x.csv{(how := draw.choice(ENDINGS))}"
    path.write_bytes(packed("".join(lines).encode(), how))
    found = read(path)
    assert found is not None
    good = [row for n, row in enumerate(rows) if n not in broken]
    assert [r.fields for r in found if is_good(r) and r.fields in good] == good
    return len(found)


def fuzz_columns(draw: Draw, folder: Path) -> int:
    rows = [{"instruction": f"{n}", "output": "x", "n": n} for n in range(draw.randint(1, 80))]
    table = pa.Table.from_pylist(rows)
    path = folder / f"x.{draw.choice(['parquet', 'arrow'])}"
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=draw.randint(1, 40))
    else:
        new = draw.choice([pa.ipc.new_file, pa.ipc.new_stream])
        with pa.OSFile(str(path), "wb") as sink, new(sink, table.schema) as stream:
            stream.write_table(table, max_chunksize=draw.randint(1, 40))
    found = read(path)
    assert found is not None
    assert [record.fields for record in found] == rows
    return len(found)


def damaged(draw: Draw, path: Path) -> int:
    """Read a file once more, cut or with some bytes changed: it must not raise."""
    data = path.read_bytes()
    data = draw.cut(data) if draw.random() < 0.5 else draw.flipped(data, draw.randint(1, 9))
    path.write_bytes(data)
    return len(read(path) or ())


def fuzz(seed: int, wanted: int, folder: Path) -> int:
    """Read at least `wanted` records; how many were read."""
    draw, records = Draw(seed), 0
    while records < wanted:
        kind = draw.choice([fuzz_lines, fuzz_arrays, fuzz_csv, fuzz_columns])
        for path in folder.iterdir():
            path.unlink()
        records += kind(draw, folder)
        [path] = folder.iterdir()
        records += damaged(draw, path)
    return records


def in_frames(draw: Draw, path: Path) -> None:
    """Write a compressed file again, in several frames that begin anywhere in its rows."""
    unpack = {".gz": gzip.decompress, ".zst": zstandard.ZstdDecompressor().decompress}
    if (how := path.suffix) in unpack:
        data = unpack[how](path.read_bytes())
        cuts = sorted(draw.choices(range(len(data) + 1), k=draw.randint(0, 9)))
        parts = [data[i:j] for i, j in pairwise([0, *cuts, len(data)])]
        path.write_bytes(b"".join(packed(part, how) for part in parts if part))


def read_from_places(draw: Draw, path: Path) -> int:
    """Read ranges of a file with its index: they are slices of the whole. How many were read."""
    try:
        found = list(read_records(str(path), max_row_bytes=LIMIT))
    except CorpusError:
        return 0
    index = index_records(str(path), max_row_bytes=LIMIT)
    index = FileIndex.from_json(index.to_json())
    assert index.rows == len(found)
    for _ in range(8):
        start, stop = draw.randint(0, len(found)), draw.choice([None, draw.randint(0, len(found))])
        expected = found[start:stop]
        ranges = [(start, stop)]
        if stop is not None and start < stop:  # also in two steps, as two shards in order
            middle = draw.randint(start, stop)
            ranges = [(start, middle), (middle, stop)]
        read = [
            record
            for first, last in ranges
            for record in read_records(str(path), first, last, max_row_bytes=LIMIT, index=index)
        ]
        assert repr(read) == repr(expected)  # NaN is not equal to itself
    return len(index.places)


def fuzz_places(seed: int, files: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Compare ranges with the whole; from how many places."""
    draw, places = Draw(seed), 0
    for _ in range(files):
        for path in folder.iterdir():
            path.unlink()
        draw.choice([fuzz_lines, fuzz_arrays, fuzz_arrays, fuzz_csv, fuzz_columns])(draw, folder)
        [path] = folder.iterdir()
        in_frames(draw, path)
        with monkeypatch.context() as patch:  # many chunks, windows and places in a small file
            size = draw.choice([64, 500, 3000])
            patch.setattr(bytestream, "CHUNK", size)
            patch.setattr(bytestream, "PIECES", {"gzip": draw.choice([16, 300]), "zstd": 64})
            patch.setattr(files_module, "HEAD", size)
            patch.setattr(json_window, "STEP", size)
            patch.setattr(places_module, "STEP", draw.randint(1, 7))
            patch.setattr(places_module, "MOST_PLACES", draw.choice([4, 100]))
            places += read_from_places(draw, path)
            data = path.read_bytes()
            path.write_bytes(draw.flipped(draw.cut(data), draw.randint(0, 3)))
            places += read_from_places(draw, path)
    return places


@pytest.mark.parametrize("seed", range(4))
def test_a_few_files(tmp_path: Path, seed: int) -> None:
    assert fuzz(seed, 500, tmp_path) >= 500


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 110))
def test_many_files(tmp_path: Path, seed: int) -> None:
    assert fuzz(seed, 6_000, tmp_path) >= 6_000


@pytest.mark.parametrize("seed", range(3))
def test_reading_from_a_place_gives_what_reading_from_the_start_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    assert fuzz_places(seed, 25, tmp_path, monkeypatch) > 100


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 110))
def test_reading_from_a_place_in_many_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    assert fuzz_places(seed, 400, tmp_path, monkeypatch) > 2_000
