"""A dataset on a stand-in for the Hub, on this machine."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hub import REPOSITORY, hub, put
from tests.web_files import Status, WebFiles, serving
from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus import patience
from tshirt_assets.corpus.bytestream import content_version, listed_version
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.readers import read_shard
from tshirt_assets.corpus.shards import discover_shards

ROWS = [{"prompt": f"question {n}", "response": f"answer {n} " + "x" * 90} for n in range(200)]
DATA = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
ROOT = f"hf://datasets/{REPOSITORY}"


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[WebFiles]:
    monkeypatch.setattr(patience.time, "sleep", lambda seconds: None)
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    files = {"README.md": b"# Talks", "data/a.jsonl": DATA, "data/b.jsonl": DATA[:300]}
    with serving(hub(files)) as running:
        yield running


def config(web: WebFiles, folder: Path, *paths: str, **options: str) -> CorpusConfig:
    given: Any = {"source_options": {"endpoint": web.url} | options}
    return CorpusConfig(name="c", paths=paths, store=str(folder / "store"), **given)


@pytest.mark.parametrize(
    "pattern", [ROOT, f"{ROOT}/data", f"{ROOT}@main/data/*.jsonl", f"{ROOT}/**/*.jsonl"]
)
def test_files_of_a_dataset_are_found_and_read(web: WebFiles, tmp_path: Path, pattern: str) -> None:
    read = config(web, tmp_path, pattern)
    first, second = discover_shards(read)
    assert (first.path[-7:], second.path[-7:]) == ("a.jsonl", "b.jsonl")
    assert listed_version(first.path) == content_version(first.path)
    assert listed_version(second.path) == content_version(second.path)
    expected = [row["response"] for row in ROWS]
    assert [sample.response for sample in read_shard(first, read)] == expected


def test_a_version_is_that_of_the_content(web: WebFiles, tmp_path: Path) -> None:
    read = config(web, tmp_path, f"{ROOT}/data/a.jsonl")
    [spec] = discover_shards(read)
    before = content_version(spec.path)
    put(web, "data/c.jsonl", DATA)
    assert content_version(spec.path) == before
    put(web, "data/a.jsonl", DATA[:-1] + b" ")
    assert content_version(spec.path) != before


def test_a_private_dataset_needs_its_token(
    web: WebFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.token = "hf_secret"
    monkeypatch.setenv("TALKS_TOKEN", "hf_secret")
    good = config(web, tmp_path, f"{ROOT}/data", **{"hf.token": "${TALKS_TOKEN}"})
    assert len(discover_shards(good)) == 2
    bad = config(web, tmp_path, f"{ROOT}/data", token="hf_other_secret")
    with pytest.raises(CorpusError, match="access is denied") as caught:
        discover_shards(bad, missing_ok=True)  # which is not the same as a corpus without files
    assert "secret" not in str(caught.value)


def test_a_hub_that_fails_for_a_while(web: WebFiles, tmp_path: Path) -> None:
    read = config(web, tmp_path, f"{ROOT}/data/a.jsonl")
    web.faults += [Status(503), Status(500)]
    [spec] = discover_shards(read)
    assert len(list(read_shard(spec, read))) == len(ROWS)
    with pytest.raises(CorpusError, match="no file matches"):
        discover_shards(config(web, tmp_path, f"{ROOT}/data/none.jsonl"))
    with pytest.raises(CorpusError, match="no file matches"):
        discover_shards(config(web, tmp_path, "hf://datasets/people/nothing/*.jsonl"))
