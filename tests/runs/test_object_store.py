"""The whole graph on S3 (moto on 127.0.0.1), written by two processes at once; no secret shows."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from polars.testing import assert_frame_equal

import tshirt_assets
from tests.corpora import ASSETS, NAME, RECIPES, SHARD_WISE, Corpus, fill
from tshirt_assets.commands.verify import verify
from tshirt_assets.orchestration.maintenance import maintain_corpus

boto3 = pytest.importorskip("boto3")
moto_server = pytest.importorskip("moto.server")

pytestmark = pytest.mark.slow

SECRETS = {"TEST_GRAPH_KEY": "AKIAGRAPHEXAMPLE0001", "TEST_GRAPH_SECRET": "graph-secret-0123456789"}
BUCKET = "curation"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, dict[str, str]]]:
    """A client of the bucket, and the `storage_options` that reach it."""
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    key, secret = SECRETS
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=SECRETS[key],
        aws_secret_access_key=SECRETS[secret],
    )
    client.create_bucket(Bucket=BUCKET)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    yield (
        client,
        {
            "endpoint": endpoint,
            "region": "us-east-1",
            "allow_http": "true",
            "virtual_hosted_style_request": "false",
            "aws_access_key_id": f"${{{key}}}",
            "aws_secret_access_key": f"${{{secret}}}",
        },
    )
    server.stop()


def start(corpus: Corpus, assets: Sequence[str], shards: Sequence[str]) -> subprocess.Popen[bytes]:
    """`dagster asset materialize` over neighbouring shards, in a process of its own."""
    command = [sys.executable, "-m", "dagster", "asset", "materialize"]
    command += ["-m", "tshirt_assets.definitions"]
    command += ["--select", ",".join(f"key:{NAME}/{asset}" for asset in assets)]
    command += ["--partition-range", f"{shards[0]}...{shards[-1]}"]
    environment = {
        "DAGSTER_HOME": str(corpus.home),
        "TSHIRT_ASSETS_CORPUS": str(corpus.file),
        "OMP_NUM_THREADS": "1",  # as in the tests' own process: the same bits
    }
    return subprocess.Popen(
        command,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def together(corpus: Corpus, *assets: str) -> bytes:
    """Two processes write disjoint shards at the same time; what both printed."""
    a, b, c = corpus.shards
    running = [start(corpus, assets, [a]), start(corpus, assets, [b, c])]
    printed = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], printed
    return b"".join(printed)


def test_the_graph_is_that_of_a_local_store_and_shows_no_secret(
    bucket: tuple[Any, dict[str, str]], finished: Corpus, tmp_path: Path, tiny_models: Path
) -> None:
    client, options = bucket
    corpus = fill(Corpus(tmp_path / "corpus", tiny_models))
    corpus.configure(store=f"s3://{BUCKET}/some/prefix", storage_options=options)
    corpus.register()
    printed = together(corpus, "samples", "embeddings", "token_scores")
    corpus.materialize("contenders", "neighbours", "search")
    printed += together(corpus, "robust_scores", "miwv_scores")
    corpus.materialize("selected_subset")

    tables: list[tuple[str, str | None]] = [(asset, None) for asset in ASSETS[:-1]]
    for place in [*tables, *(("selected_subset", recipe) for recipe in RECIPES)]:
        expected = finished.frame(*place)
        assert expected.height > 0
        assert_frame_equal(corpus.frame(*place), expected, rel_tol=1e-5, abs_tol=1e-6)
    for asset in SHARD_WISE:
        assert len(corpus.store.stored(NAME, asset)) == 3
    found = verify(corpus.store, corpus.config, corpus.shards)
    assert (found.faults, found.tables) == ([], 25)
    uri = corpus.config.store
    assert tshirt_assets.load_subset(uri, NAME, "tshirt", storage_options=options).height == 4
    hits = tshirt_assets.search(uri, NAME, "a river", 2, storage_options=options)
    assert hits.height == 2
    rows = corpus.lines("a.jsonl")
    for written in (rows[1:], rows):  # another table, and the first again
        corpus.write("a.jsonl", written)
        corpus.materialize("samples")
    report = maintain_corpus(corpus.store, corpus.config, older_than=timedelta(0))
    assert len(report.pruned) == 1
    assert verify(corpus.store, corpus.config, corpus.shards).faults == []

    places = {"what the processes printed": printed} | dict(everything(corpus, client))
    assert len(places) > 100
    for secret in SECRETS.values():
        assert [place for place, data in places.items() if secret.encode() in data] == []


def everything(corpus: Corpus, client: Any) -> Iterator[tuple[str, bytes]]:
    """Every event, every file of the corpus (exports, reports, logs) and every stored object."""
    for run in corpus.instance.get_runs():
        for number, entry in enumerate(corpus.instance.all_logs(run.run_id)):
            yield f"event {run.run_id} {number}", repr(entry).encode()
        yield f"run {run.run_id}", repr(run).encode()
    for file in corpus.folder.rglob("*"):
        if file.is_file():
            yield str(file), file.read_bytes()
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        for item in page["Contents"]:
            body = client.get_object(Bucket=BUCKET, Key=item["Key"])["Body"]
            yield item["Key"], body.read()
