import csv
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus import files
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.files import file_format, index_records, read_records
from tshirt_assets.corpus.records import MAX_ROW_BYTES


def write(folder: Path, name: str, data: bytes | str) -> str:
    content = data.encode("utf-8") if isinstance(data, str) else data
    (folder / name).write_bytes(content)
    return str(folder / name)


def fields(path: str) -> list[dict[str, object] | str]:
    """Each record's fields, or its fault."""
    records = list(read_records(path))
    assert index_records(path).rows == len(records)
    return [record.fields if record.fault is None else record.fault for record in records]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a/x.json", "json"),
        ("x.JSONL", "json"),
        ("x.v2.ndjson.gz", "json"),
        ("x.csv.zst", "csv"),
        ("x.parquet", "parquet"),
        ("x.ARROW", "arrow"),
        ("x.JSONL.GZ", "json"),
    ],
)
def test_format_follows_from_the_name(name: str, expected: str) -> None:
    assert file_format(name) == expected


@pytest.mark.parametrize("name", ["README.md", "x.gz", "jsonl", "x.json.bz2", "x"])
def test_other_formats_are_named(name: str) -> None:
    with pytest.raises(CorpusError, match="not a supported format; use"):
        file_format(name)


def test_jsonl_faults_keep_their_place(tmp_path: Path) -> None:
    text = '\ufeff{"a": 1}\r\n\r\n{"a": oops}\n[1, 2]\n"x"\n   \n{"a": 2}\n{"a": "cut'
    path = write(tmp_path, "x.jsonl", text)
    assert fields(path) == [
        {"a": 1},
        "line 3: Expecting value (column 7)",
        "line 4: a JSON list, not an object",
        "line 5: a JSON str, not an object",
        {"a": 2},
        "line 8: Unterminated string starting at (column 7); the file ends without a newline here",
    ]
    assert [record.text for record in read_records(path, 1, 2)] == ['{"a": oops}']


def test_strange_lines_are_faults_of_their_own(tmp_path: Path) -> None:
    lines = ["{}", '{"a":' * 100_000, '{"a": ' + "1" * 5000 + "}", "\0\0\0", '{"a": 2}']
    found = fields(write(tmp_path, "x.jsonl", "\n".join(lines)))
    assert found[0] == {}
    assert found[4] == {"a": 2}
    assert [str(fault).split(":")[0] for fault in found[1:4]] == ["line 2", "line 3", "line 4"]


def test_bytes_that_are_not_utf8_spoil_only_their_field(tmp_path: Path) -> None:
    path = write(tmp_path, "x.jsonl", b'{"a": "\xff", "b": "good"}\n\xff\xfe\n')
    assert fields(path)[0] == {"a": "\udcff", "b": "good"}
    assert str(fields(path)[1]).startswith("line 2: Expecting value")


def test_json_named_files_may_hold_lines(tmp_path: Path) -> None:
    assert fields(write(tmp_path, "x.json", '\n {"a": 1}\n{"a": 2}\n')) == [{"a": 1}, {"a": 2}]
    assert fields(write(tmp_path, "y.json", ' \n[{"a": 1},\n{"a": 2}]')) == [{"a": 1}, {"a": 2}]


ROW = {"instruction": "explain", "output": "the cat"}
TEXT = json.dumps(ROW)
TURNS = json.dumps([{"role": "user", "content": "x"}])
LAYOUTS = {
    "an array on one line": f"[{TEXT}, {TEXT}]",
    "an array over several lines": json.dumps([ROW, ROW], indent=0),
    "lines that end with commas": f"{TEXT},\n{TEXT},\n",
    "one value after the other": TEXT + TEXT,
    "objects over several lines": json.dumps(ROW, indent=1) + "\n" + json.dumps(ROW, indent=1),
    "a list in an object": json.dumps({"version": 1, "data": [ROW, ROW]}),
    "the same over several lines": json.dumps({"version": 1, "data": [ROW, ROW]}, indent=2),
    "a list of lines in an object": f'{{"version": "1.0", "data": [\n{TEXT},\n{TEXT}\n]}}\n',
    "two arrays": f"[{TEXT}]\n[{TEXT}]\n",
    "lines of old Macs": f"{TEXT}\r{TEXT}\r",
    "lines": f"{TEXT}\n{TEXT}",
}


@pytest.mark.parametrize("name", ["x.json", "x.jsonl", "x.jsonl.gz", "x.json.zst"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_json_layouts_in_the_wild(tmp_path: Path, name: str, layout: str) -> None:
    data = LAYOUTS[layout].encode()
    pack = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}
    packed = pack.get(Path(name).suffix, bytes)(data)
    assert fields(write(tmp_path, name, packed)) == [ROW, ROW]


@pytest.mark.parametrize("name", ["x.json", "x.jsonl"])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"instruction": {"0": "x"}, "output": {"0": "y"}}', "holds columns, not rows"),
        (f'{{"train": [{TEXT}], "test": [{TEXT}]}}', "several lists of rows"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
    ],
)
def test_other_layouts_are_refused_by_name(
    tmp_path: Path, name: str, text: str, reason: str
) -> None:
    with pytest.raises(CorpusError, match=reason):
        list(read_records(write(tmp_path, name, text)))


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (f"[{TURNS}]\n", 1),  # an array of conversations without a name
        (f"{TURNS}\n{TURNS}\n", 2),
        (f"{TEXT[:-1]},\n{TEXT}\n", 1),  # a line without its end
        (f'{{"a": "cut\n{TEXT}\n', 1),
        (f"oops\n{TEXT}\n", 1),
        (f"{TEXT}\n[1, 2]\n", 1),
    ],
)
def test_lines_stay_lines(tmp_path: Path, text: str, faults: int) -> None:
    found = fields(write(tmp_path, "x.jsonl", text))
    assert sum(isinstance(row, str) for row in found) == faults
    assert len(found) == text.count("\n")


def test_broken_json_array_keeps_the_rows_before(tmp_path: Path) -> None:
    path = write(tmp_path, "x.json", '[{"a": 1}, 7, {"a": 2}, {"a": 3')
    assert fields(path) == [
        {"a": 1},
        "element 2: a JSON int, not an object",
        {"a": 2},
        "after element 3: the file ends inside the array",
    ]


@pytest.mark.parametrize("name", ["x.json", "x.jsonl", "x.csv", "x.jsonl.gz", "x.csv.zst"])
def test_an_empty_file_has_no_records(tmp_path: Path, name: str) -> None:
    assert fields(write(tmp_path, name, b"")) == []


def test_contents_without_rows_have_no_records(tmp_path: Path) -> None:
    assert fields(write(tmp_path, "a.json", "[]")) == []
    assert fields(write(tmp_path, "b.jsonl", "\n\n  \n")) == []
    assert fields(write(tmp_path, "c.csv", "instruction,output\n")) == []
    assert fields(write(tmp_path, "d.jsonl.gz", gzip.compress(b"", mtime=0))) == []


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv"])
def test_a_row_that_is_too_long_is_one_fault(tmp_path: Path, kind: str) -> None:
    long = "x" * 100_000
    texts = {
        "jsonl": f'{{"a": "1"}}\n{{"a": "{long}"}}\n{{"a": "2"}}\n',
        "json": f'[{{"a": "1"}}, {{"a": "{long}"}}, {{"a": "2"}}]',
        "csv": f"a\n1\n{long}\n2\n",
    }
    path = write(tmp_path, f"x.{kind}", texts[kind])
    first, fault, last = read_records(path, max_row_bytes=2000)
    assert (first.fields, last.fields) == ({"a": "1"}, {"a": "2"})
    assert "longer than max_row_bytes (2,000)" in (fault.fault or "")
    assert len(fault.text) <= 2000
    assert not fault.ends_early
    assert len(list(read_records(path))) == 3
    assert CorpusConfig(name="c", paths=(path,)).max_row_bytes == MAX_ROW_BYTES


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.jsonl.gz", gzip.compress(b"\n".join([TEXT.encode()] * 9), mtime=0)[:-12]),
        ("x.json", f"[{TEXT}, {TEXT[:9]}"),
        ("x.json", f"[{TEXT},"),
        ("x.jsonl", f"{TEXT}\n{TEXT[:-4]}"),
        ("x.csv", "q,a\n1,2\n3"),
        ("x.csv", 'q,a\n1,2\n3,"4'),
    ],
)
def test_a_file_that_ends_early_says_so_in_its_last_record(
    tmp_path: Path, name: str, data: bytes | str
) -> None:
    *good, last = read_records(write(tmp_path, name, data))
    assert last.ends_early
    assert last.fault
    assert not any(record.ends_early for record in good)


def test_csv_quoting_and_newlines(tmp_path: Path) -> None:
    text = 'q,a\r\n"one, ""two""\r\nthree",4\r\n\r\nplain,\r\n'
    expected = [{"q": 'one, "two"\r\nthree', "a": "4"}, {"q": "plain", "a": ""}]
    assert fields(write(tmp_path, "x.csv", "\ufeff" + text)) == expected


def test_csv_faults_keep_their_place(tmp_path: Path) -> None:
    text = 'q,a\n1,2,3\nonly\n"x"y,2\nok,ok\n"never closed,2\n'
    assert fields(write(tmp_path, "x.csv", text)) == [
        "line 2: 3 fields where the header has 2",
        "line 3: 1 fields where the header has 2",
        "line 4: ',' expected after '\"'",
        {"q": "ok", "a": "ok"},
        "line 6: unexpected end of data",
    ]


def test_csv_fields_may_be_long(tmp_path: Path) -> None:
    buffer = io.StringIO()
    csv.writer(buffer).writerows([["q", "a"], ["x" * 500_000, "y"]])
    found = fields(write(tmp_path, "x.csv", buffer.getvalue()))
    assert found == [{"q": "x" * 500_000, "a": "y"}]


@pytest.mark.parametrize("packed", ["gz", "zst"])
@pytest.mark.parametrize("kind", ["jsonl", "json", "csv"])
def test_a_cut_compressed_file_keeps_the_rows_before(
    tmp_path: Path, packed: str, kind: str
) -> None:
    rows = [{"q": f"question {n}", "a": f"{n * 7919 % 10007}"} for n in range(20_000)]
    if kind == "csv":
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, ["q", "a"])
        writer.writeheader()
        writer.writerows(rows)
        text = buffer.getvalue()
    else:
        text = json.dumps(rows) if kind == "json" else "\n".join(map(json.dumps, rows))
    pack = gzip.compress if packed == "gz" else zstandard.ZstdCompressor().compress
    data = pack(text.encode())
    found = fields(write(tmp_path, f"x.{kind}.{packed}", data[: len(data) * 2 // 3]))
    assert found[:-1] == rows[: len(found) - 1]
    assert len(found) > 5000
    assert "data is cut off" in str(found[-1])


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv"])
@pytest.mark.parametrize(("start", "stop"), [(0, 0), (0, 3), (2, 5), (4, None), (9, 20), (0, None)])
def test_ranges_are_slices_of_the_whole(
    tmp_path: Path, kind: str, start: int, stop: int | None
) -> None:
    rows = [{"n": str(n)} for n in range(7)]
    texts = {
        "jsonl": "\n\n".join(map(json.dumps, rows)),
        "json": json.dumps(rows),
        "csv": "n\n" + "\n".join(row["n"] for row in rows),
    }
    path = write(tmp_path, f"x.{kind}", texts[kind])
    assert [record.fields for record in read_records(path, start, stop)] == rows[start:stop]


def test_reading_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first rows are there although the rest of the content can never be held."""

    def endless(path: str, *_: object) -> Iterator[bytes]:
        yield b'[{"a": 1},'
        while True:
            yield b'{"a": 2},' * 1000

    monkeypatch.setattr(files, "byte_chunks", endless)
    assert [r.fields["a"] for r in read_records("x.json", 0, 3)] == [1, 2, 2]
