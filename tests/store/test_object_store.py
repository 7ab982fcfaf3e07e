"""The same store on S3 (moto on 127.0.0.1), with several processes writing."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.store_workers import rows, said, started, write_shards
from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.store import Store

boto3 = pytest.importorskip("boto3")
moto_server = pytest.importorskip("moto.server")


@pytest.fixture(scope="module")
def options() -> Iterator[dict[str, str]]:
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TEST_S3_KEY", "AKIAIOSFODNN7EXAMPLE")
        environment.setenv("TEST_S3_SECRET", "not-a-real-secret")
        boto3.client(
            "s3",
            endpoint_url=endpoint,
            region_name="us-east-1",
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="not-a-real-secret",
        ).create_bucket(Bucket="corpora")
        yield {
            "endpoint": endpoint,
            "region": "us-east-1",
            "allow_http": "true",
            "virtual_hosted_style_request": "false",
            "aws_access_key_id": "${TEST_S3_KEY}",
            "aws_secret_access_key": "${TEST_S3_SECRET}",
        }
    server.stop()


def test_write_read_list_stage_and_drop(options: dict[str, str]) -> None:
    store = Store("s3://corpora/first/store", options)
    assert store.database.names() == []
    store.write("corpus", "scores", "a b", rows(1), {"seed": "1"})
    info = store.write("corpus", "scores", "a b", rows(2), {"seed": "2"})
    assert store.stored("corpus", "scores") == [info]
    assert store.read("corpus", "scores", "a b").equals(rows(2))
    assert store.read("corpus", "scores", "a b", version=1).equals(rows(1))
    staging = store.staging("corpus", "scores", "a b", "i")
    staging.append(rows(1, 5))
    staging.append(rows(2, 5))
    kept = staging.read()
    assert kept is not None
    assert kept.num_rows == 10
    staging.clear()
    assert staging.read() is None
    store.drop("corpus", "scores", "a b")
    assert store.stored("corpus", "scores") == []


@pytest.mark.slow
def test_concurrent_writers(options: dict[str, str], tmp_path: Path) -> None:
    store, log = Store("s3://corpora/second", options), tmp_path / "log"
    # The environment of the workers is older than the variables: they get the values.
    values = {key: os.path.expandvars(value) for key, value in options.items()}
    calls = [
        (write_shards, store.database.uri, values, log, [f"own-{n}", "common"], range(n, 12, 4))
        for n in range(4)
    ]
    with started(*calls) as writers:
        for writer in writers:
            writer.join()
        assert [writer.exitcode for writer in writers] == [0] * 4
    for number in range(4):
        assert store.read("corpus", "scores", f"own-{number}").equals(rows(number + 8))
    common = [line.split()[1:] for line in said(log) if line.startswith("common ")]
    assert sorted(int(version) for version, _ in common) == list(range(1, 13))
    for version, seed in common:
        table = store.read("corpus", "scores", "common", version=int(version))
        assert table.equals(rows(int(seed)))


def test_missing_bucket_is_named(options: dict[str, str]) -> None:
    store = Store("s3://no-such-bucket/x", options)
    with pytest.raises(StoreError, match="bucket does not exist; create it or correct `store`"):
        store.write("corpus", "scores", "s", rows(1), {})
