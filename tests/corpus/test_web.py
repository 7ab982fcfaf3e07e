"""Files of a web server on this machine that cuts, refuses, changes and loses them."""

import gzip
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.web_files import Cut, Status, WebFiles, serving
from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus import patience, remote
from tshirt_assets.corpus.addresses import Address
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.file_index import file_index
from tshirt_assets.corpus.readers import read_shard, read_stable
from tshirt_assets.corpus.remote import look, open_file
from tshirt_assets.corpus.sample import to_table
from tshirt_assets.corpus.shards import discover_shards

NOISE = random.Random(0)  # which no compression makes small
ROWS = [{"prompt": f"q {n}", "response": f"{n} {NOISE.randbytes(60).hex()}"} for n in range(2000)]


def jsonl(rows: list[dict[str, str]] = ROWS) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def parquet(rows: list[dict[str, str]] = ROWS) -> bytes:
    data = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), data, row_group_size=500, compression="none")
    return data.getvalue()


def arrow(rows: list[dict[str, str]] = ROWS) -> bytes:
    data, table = io.BytesIO(), pa.Table.from_pylist(rows)
    with pa.ipc.new_file(data, table.schema) as file:
        file.write_table(table, 500)
    return data.getvalue()


FILES = {
    "/a.jsonl": jsonl(),
    "/a.jsonl.gz": gzip.compress(jsonl()),
    "/a.parquet": parquet(),
    "/a.arrow": arrow(),
}


@pytest.fixture(autouse=True)
def small_and_quick(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Blocks of 16 KiB, and nobody waits; the pauses that were asked for."""
    monkeypatch.setattr(remote, "FIRST_BLOCK", 1 << 14)
    monkeypatch.setattr(remote, "LARGEST_BLOCK", 1 << 16)
    slept: list[float] = []
    monkeypatch.setattr(patience.time, "sleep", slept.append)
    return slept


@pytest.fixture
def web() -> Iterator[WebFiles]:
    with serving(WebFiles(dict(FILES))) as running:
        yield running


def config(web: WebFiles, tmp_path: Path, *names: str, **options: Any) -> CorpusConfig:
    paths = tuple(web.url + name for name in names)
    return CorpusConfig(name="c", paths=paths, store=str(tmp_path / "store"), **options)


def responses(read: CorpusConfig) -> list[str]:
    tables = [read_stable(spec, read)[0] for spec in discover_shards(read)]
    return [row for table in tables for row in table["response"].to_pylist()]


EXPECTED = [row["response"] for row in ROWS]


@pytest.mark.parametrize("name", FILES)
def test_every_format_is_read_by_shards(web: WebFiles, tmp_path: Path, name: str) -> None:
    assert responses(config(web, tmp_path, name, rows_per_shard=700)) == EXPECTED


@pytest.mark.parametrize("name", FILES)
def test_reading_goes_on_after_cuts_and_refusals(
    web: WebFiles, tmp_path: Path, name: str, small_and_quick: list[float]
) -> None:
    read = config(web, tmp_path, name)
    [spec] = discover_shards(read)
    web.faults += [Cut(0), None, Cut(10), None, None, Status(503, "7"), Cut(9000), Status(429)]
    assert [sample.response for sample in read_shard(spec, read)] == EXPECTED
    assert web.faults == []
    assert 7.0 in small_and_quick


def test_a_late_shard_costs_its_own_bytes(web: WebFiles, tmp_path: Path) -> None:
    read = config(web, tmp_path, "/a.jsonl", rows_per_shard=250)
    last = discover_shards(read)[-1]
    web.asked.clear()
    samples = list(read_shard(last, read))
    assert [sample.response for sample in samples] == EXPECTED[-250:]
    ranges = [wanted.removeprefix("bytes=").split("-") for _, wanted in web.asked]
    assert sum(int(stop) - int(start) + 1 for start, stop in ranges) < len(jsonl()) / 4


def test_an_index_is_kept_by_the_version(web: WebFiles, tmp_path: Path) -> None:
    read = config(web, tmp_path, "/a.jsonl", rows_per_shard=250)
    assert len(discover_shards(read)) == 8
    web.asked.clear()
    assert len(discover_shards(read)) == 8
    assert web.asked == [("/a.jsonl", "bytes=0-0")]
    web.files["/a.jsonl"] = jsonl(ROWS[:450])
    assert len(discover_shards(read)) == 2
    [path] = {spec.path for spec in discover_shards(read)}
    assert file_index(path, read).rows == 450


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_changes_while_it_is_read(web: WebFiles, tmp_path: Path, name: str) -> None:
    read = config(web, tmp_path, name)
    [spec] = discover_shards(read)

    def change() -> None:
        web.files[name] = FILES[name][:-40] + bytes(40)

    web.faults += [None, None, None, change]
    with pytest.raises(CorpusError, match="changed while it was read; run again"):
        list(read_shard(spec, read))


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_disappears_while_it_is_read(web: WebFiles, tmp_path: Path, name: str) -> None:
    read = config(web, tmp_path, name)
    [spec] = discover_shards(read)
    web.faults += [None, None, None, web.files.clear]
    with pytest.raises(CorpusError, match=r"is not there \(any more\); put it back"):
        list(read_shard(spec, read))


@pytest.mark.parametrize("name", FILES)
def test_credentials_that_expire_while_it_is_read(
    web: WebFiles, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.token = "secret-token-1"
    monkeypatch.setenv("WEB_TOKEN", web.token)
    read = config(web, tmp_path, name, source_options={"token": "${WEB_TOKEN}"})
    [spec] = discover_shards(read)

    def expire() -> None:
        web.token = "secret-token-2"

    web.faults += [None, None, expire]
    with pytest.raises(CorpusError, match=r"access is denied: .* expired; renew") as caught:
        list(read_shard(spec, read))
    assert "secret" not in str(caught.value)
    monkeypatch.setenv("WEB_TOKEN", web.token)  # renewed, in the same process
    assert [sample.response for sample in read_shard(spec, read)] == EXPECTED


def test_renewed_credentials_are_used_at_once(
    web: WebFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.token = "one"
    monkeypatch.setenv("WEB_TOKEN", "one")
    read = config(web, tmp_path, "/a.jsonl", source_options={"https.token": "${WEB_TOKEN}"})
    [spec] = discover_shards(read)
    monkeypatch.setenv("WEB_TOKEN", "two")
    web.token = "two"
    assert to_table(read_shard(spec, read)).num_rows == len(ROWS)


def test_a_replaced_file_is_read_once_more(web: WebFiles, tmp_path: Path) -> None:
    """Between two shards, or between its last byte and the end of the reading."""
    read = config(web, tmp_path, "/b.jsonl")
    web.files["/b.jsonl"] = jsonl(ROWS[:5])
    [spec] = discover_shards(read)

    def change() -> None:
        web.files["/b.jsonl"] = jsonl(ROWS[:6])

    web.faults += [None, None, None, change]  # version, opened, its only block, version
    table, version = read_stable(spec, read)
    assert table.num_rows == 6
    assert version == look(spec.path).version


def test_a_server_that_never_recovers(
    web: WebFiles, tmp_path: Path, small_and_quick: list[float]
) -> None:
    read = config(web, tmp_path, "/a.jsonl")
    [spec] = discover_shards(read)
    web.faults += [None, None, *[Status(503)] * 99]
    with pytest.raises(CorpusError, match=r"is busy or fails after 7 tries \(HTTP 503"):
        list(read_shard(spec, read))
    assert small_and_quick == patience.PAUSES


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    nowhere = CorpusConfig(name="c", paths=("http://127.0.0.1:9/a.jsonl",))
    with pytest.raises(CorpusError, match=r"cannot be reached after 3 tries .*check the address"):
        discover_shards(nowhere)


def test_without_ranges_a_file_is_streamed(web: WebFiles, tmp_path: Path) -> None:
    web.ranges = False
    read = config(web, tmp_path, "/a.jsonl", rows_per_shard=700)
    assert responses(read) == EXPECTED
    web.asked.clear()
    whole = config(web, tmp_path, "/a.jsonl")
    [spec] = discover_shards(whole)
    list(read_shard(spec, whole))
    assert len(web.asked) == 3  # two looks, and one answer that is read from front to back
    web.faults += [None, Cut(100_000)]
    assert [sample.response for sample in read_shard(spec, whole)] == EXPECTED


def test_an_empty_file_and_one_of_unknown_version(web: WebFiles, tmp_path: Path) -> None:
    web.tags = False
    web.files["/empty.jsonl"] = b""
    assert responses(config(web, tmp_path, "/empty.jsonl")) == []
    assert responses(config(web, tmp_path, "/a.jsonl")) == EXPECTED


def test_a_folder_is_listed_where_the_server_does(web: WebFiles, tmp_path: Path) -> None:
    some = jsonl(ROWS[:3])
    web.files = {"/d/b2 ä.jsonl": some, "/d/b10.jsonl": some, "/d/c.txt": b"", "/d/e/f.jsonl": some}
    with pytest.raises(CorpusError, match="lists no files there; name each of them in `paths`"):
        discover_shards(config(web, tmp_path, "/d/*.jsonl"))
    web.lists = True
    for pattern in ("/d/*.jsonl", "/d/"):
        found = [spec.path for spec in discover_shards(config(web, tmp_path, pattern))]
        assert found == [f"{web.url}/d/b2 ä.jsonl", f"{web.url}/d/b10.jsonl"]
    with pytest.raises(CorpusError, match="only the last part may be a pattern"):
        discover_shards(config(web, tmp_path, "/*/b.jsonl"))


def test_a_query_is_part_of_the_key_and_not_of_the_format(web: WebFiles, tmp_path: Path) -> None:
    read = config(web, tmp_path, "/a.jsonl?download=1", "/a.jsonl?download=2")
    first, second = discover_shards(read)
    assert first.key.startswith("a-jsonl-download-1-")
    assert first.key != second.key
    assert responses(read) == EXPECTED * 2


def test_a_token_is_not_sent_on_to_another_server(web: WebFiles) -> None:
    web.token = "secret"
    with serving(WebFiles({"/b.jsonl": b"all of it"})) as other:
        web.faults += [Status(302, location=f"{other.url}/b.jsonl") for _ in range(2)]
        with open_file(Address(f"{web.url}/a.jsonl", {"token": "secret"})) as file:
            assert file.read() == b"all of it"
        assert web.credentials == ["Bearer secret"] * 2
        assert other.credentials == [""] * 2
