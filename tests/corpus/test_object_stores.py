"""Objects on an S3 server on this machine (moto), with the faults that stores have."""

import gzip
import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.s3_server import BUCKET, KEY, S3, SECRET, s3_server
from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus import patience, remote
from tshirt_assets.corpus.addresses import Address, with_access
from tshirt_assets.corpus.bytestream import listed_version
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.readers import file_version, read_shard
from tshirt_assets.corpus.remote import listed, look
from tshirt_assets.corpus.shards import discover_shards

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

ROWS = [{"prompt": f"question {n}", "response": f"answer {n} " + "x" * 90} for n in range(1000)]
DATA = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
EXPECTED = [row["response"] for row in ROWS]


@pytest.fixture(scope="module")
def server() -> Iterator[S3]:
    with s3_server() as running:
        yield running


@pytest.fixture
def s3(server: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    """The server without faults; nobody waits, and blocks are small."""
    monkeypatch.setattr(patience.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(remote, "FIRST_BLOCK", 1 << 14)
    monkeypatch.setattr(remote, "LARGEST_BLOCK", 1 << 15)
    monkeypatch.setenv("SOURCE_KEY", KEY)
    monkeypatch.setenv("SOURCE_SECRET", SECRET)
    server.faults.clear()
    server.asked.clear()
    return server


def config(s3: S3, folder: Path, *paths: str, **options: Any) -> CorpusConfig:
    access = s3.options | {"key": "${SOURCE_KEY}", "secret": "${SOURCE_SECRET}"}
    given = {"source_options": access, "store": str(folder / "store")} | options
    return CorpusConfig(name="c", paths=tuple(f"s3://{BUCKET}/{path}" for path in paths), **given)


def responses(read: CorpusConfig) -> list[str]:
    specs = discover_shards(read)
    return [sample.response for spec in specs for sample in read_shard(spec, read)]


@pytest.mark.parametrize("pattern", ["set/*.jsonl", "set/", "set", "set/**/*.jsonl", "*t/*.jsonl"])
def test_a_pattern_is_one_listing(s3: S3, tmp_path: Path, pattern: str) -> None:
    for name in ("set/part-10.jsonl", "set/part-2.jsonl"):
        s3.put(name, DATA)
    read = config(s3, tmp_path, pattern)
    discover_shards(read)  # makes the indexes
    s3.asked.clear()
    specs = discover_shards(read)
    assert [spec.path for spec in specs] == [
        f"s3://{BUCKET}/set/part-2.jsonl",
        f"s3://{BUCKET}/set/part-10.jsonl",
    ]
    versions = [listed_version(spec.path) for spec in specs]
    assert len([one for one in s3.asked if one.startswith("GET")]) <= 1 + (pattern == "set")
    assert versions == [file_version(spec) for spec in specs]


def test_keys_are_those_of_the_same_files_in_a_folder(s3: S3, tmp_path: Path) -> None:
    for name in ("keys/a.jsonl", "keys/deep/b.jsonl.gz"):
        s3.put(name, DATA if name.endswith("jsonl") else gzip.compress(DATA))
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"{}")
    local = CorpusConfig(name="c", paths=(str(tmp_path / "keys"),), store=str(tmp_path / "s"))
    keys = [spec.key for spec in discover_shards(local)]
    for pattern in ("keys", "keys/", "keys/**/*.jsonl*"):
        assert [spec.key for spec in discover_shards(config(s3, tmp_path, pattern))] == keys
    both = CorpusConfig(
        name="c",
        paths=(str(tmp_path / "keys"), f"s3://{BUCKET}/keys"),
        source_options=s3.options,
        store=str(tmp_path / "s"),
    )
    *here, first, _ = (spec.key for spec in discover_shards(both))
    assert here == keys
    assert first.startswith("s3-corpora-keys-a-")


def test_shards_are_read_and_go_on_when_throttled(s3: S3, tmp_path: Path) -> None:
    s3.put("one/a.jsonl", DATA)
    s3.put("one/b.jsonl.gz", gzip.compress(DATA))
    read = config(s3, tmp_path, "one/*", rows_per_shard=400)
    s3.faults += [None, ("SlowDown", 503), ("InternalError", 500), None, ("RequestTimeout", 400)]
    s3.faults += [None, None, ("SlowDown", 503)] * 10
    assert responses(read) == EXPECTED * 2


def test_credentials_are_missing_wrong_or_expire(s3: S3, tmp_path: Path) -> None:
    s3.put("two/a.jsonl", DATA)
    read = config(s3, tmp_path, "two/a.jsonl")
    [spec] = discover_shards(read)
    for fault in (("ExpiredToken", 400), ("AccessDenied", 403)):
        s3.faults[:] = [None, None, fault]
        with pytest.raises(CorpusError, match=r"access is denied: .*; renew them and run again"):
            list(read_shard(spec, read))
    s3.faults[:] = [("InvalidAccessKeyId", 403)]
    with pytest.raises(CorpusError, match=r"two/\*\.jsonl: access is denied"):
        discover_shards(config(s3, tmp_path, "two/*.jsonl"), missing_ok=True)


def test_an_object_changes_or_disappears_while_it_is_read(s3: S3, tmp_path: Path) -> None:
    s3.put("three/a.jsonl", DATA)
    read = config(s3, tmp_path, "three/a.jsonl")
    [spec] = discover_shards(read)
    s3.faults[:] = [None, None, lambda: s3.put("three/a.jsonl", DATA + b"{}\n")]
    with pytest.raises(CorpusError, match="changed while it was read"):
        list(read_shard(spec, read))
    s3.faults[:] = [
        None,
        None,
        partial(s3.client.delete_object, Bucket=BUCKET, Key="three/a.jsonl"),
    ]
    with pytest.raises(CorpusError, match=r"is not there \(any more\)"):
        list(read_shard(spec, read))
    assert discover_shards(read, missing_ok=True) == []
    with pytest.raises(CorpusError, match="no file matches"):
        discover_shards(read)


def test_a_store_of_the_same_kind_lends_its_options(s3: S3) -> None:
    s3.put("four/a.jsonl", DATA)
    read = CorpusConfig(
        name="c",
        paths=(f"s3://{BUCKET}/four/a.jsonl",),
        store="s3://curation/c",
        storage_options={
            "endpoint": s3.endpoint,
            "allow_http": "true",
            "aws_access_key_id": "${SOURCE_KEY}",
            "aws_secret_access_key": "${SOURCE_SECRET}",
        },
    )
    assert [*listed(with_access(read.paths[0], read))] == [*read.paths]


def test_no_secret_is_shown(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    address = Address(f"s3://{BUCKET}/x", s3.options | {"endpoint_url": "http://127.0.0.1:9"})
    with pytest.raises(CorpusError, match="cannot be reached after 3 tries") as caught:
        look(address)
    assert not any(secret in str(caught.value) + repr(address) for secret in (KEY, SECRET))
    monkeypatch.delenv("SOURCE_KEY")
    with pytest.raises(CorpusError, match=r"refer to \$\{SOURCE_KEY\}, which is not set; export"):
        look(Address(address, {"key": "${SOURCE_KEY}"}))


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, extra in (("gs", "gcs"), ("az", "azure")):
        monkeypatch.setitem(sys.modules, {"gs": "gcsfs", "az": "adlfs"}[kind], None)
        with pytest.raises(CorpusError, match=rf"pip install 'tshirt-assets\[{extra}\]'"):
            look(f"{kind}://bucket/a.jsonl")
