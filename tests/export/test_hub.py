"""Pushing exports to the Hub: against a stand-in for its API, through the real client."""

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from tests.export.rows import PROVENANCE, SAMPLES, SINGLE, selected
from tshirt_assets.cli import main
from tshirt_assets.config import CorpusConfig
from tshirt_assets.export.hub import HubError, push_subsets
from tshirt_assets.export.write import write_exports

TOKEN = "hf_secretsecretsecret"


class Hub(ThreadingHTTPServer):
    """Keeps what is committed, in `files`; asks for the token and refuses what `fault` says."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.created: dict[str, Any] = {}
        self.messages: list[str] = []
        self.fault: int | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        pass

    def answer(self, value: Any, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        siblings = [{"rfilename": path} for path in (".gitattributes", *self.server.files)]
        tree = [{"type": "file", "path": s["rfilename"], "size": 1, "oid": "0"} for s in siblings]
        self.answer(tree if "/tree/" in self.path else {"id": "me/data", "siblings": siblings})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.fault is not None:
            self.answer({"error": "no"}, self.server.fault)
        elif self.headers["Authorization"] != f"Bearer {TOKEN}":
            self.answer({"error": "who are you?"}, 401)
        elif self.path == "/api/repos/create":
            self.server.created = json.loads(body)
            self.answer({"url": f"{self.server.url}/datasets/me/data", "id": "me/data"})
        elif "/preupload/" in self.path:
            asked = json.loads(body)["files"]
            self.answer({"files": [f | {"uploadMode": "regular"} for f in map(regular, asked)]})
        elif "/commit/" in self.path:
            self.commit([json.loads(line) for line in body.splitlines()])
        else:
            self.answer({"errors": [], "warnings": []})

    def commit(self, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                self.server.messages.append(value["summary"])
            elif line["key"] == "file":
                self.server.files[value["path"]] = base64.b64decode(value["content"])
            else:
                del self.server.files[value["path"]]
        commit = f"{self.server.url}/datasets/me/data/commit/1"
        self.answer({"commitUrl": commit, "commitOid": "1", "hookOutput": ""})


def regular(file: dict[str, Any]) -> dict[str, Any]:
    return {"path": file["path"], "shouldIgnore": False}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def corpus(tmp_path: Path) -> CorpusConfig:
    """A corpus with the exports of two recipes, as its file says."""
    values = {"name": "demo", "paths": ["x.jsonl"], "export_dir": "exports"}
    values |= {"card": {"license": "cc-by-4.0", "language": ["en", "no"]}}
    values["recipes"] = {name: {"method": "random", "budget": 4} for name in ("one", "two")}
    (tmp_path / "corpus.yaml").write_text(yaml.safe_dump(values))
    config = CorpusConfig.from_yaml(tmp_path / "corpus.yaml")
    for recipe, samples in (("one", SAMPLES), ("two", [SINGLE])):
        write_exports(
            selected(samples),
            Path(config.export_dir) / "demo" / recipe,
            corpus="demo",
            recipe=recipe,
            formats=("messages", "parquet"),
            token_weights=None,
            provenance=PROVENANCE,
            card=config.card,
        )
    return config


def front_matter(hub: Hub) -> dict[str, Any]:
    return yaml.safe_load(hub.files["README.md"].decode().split("---\n")[1])


def test_the_export_of_a_recipe_is_the_repository(hub: Hub, corpus: CorpusConfig) -> None:
    folder = Path(corpus.export_dir) / "demo" / "one"
    hub.files = {"alpaca.json": b"of an earlier push", "notes.txt": b"of somebody"}
    url = push_subsets(corpus, ["one"], "me/data", private=True)
    assert url == f"{hub.url}/datasets/me/data/commit/1"
    assert (hub.created["name"], hub.created["type"]) == ("data", "dataset")
    assert hub.created.get("private") is True or hub.created.get("visibility") == "private"
    pushed = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert hub.files == pushed | {"notes.txt": b"of somebody"}
    assert hub.messages == ["demo: one"]
    card = front_matter(hub)
    assert (card["license"], card["language"]) == ("cc-by-4.0", ["en", "no"])
    assert card["size_categories"] == ["n<1K"]


def test_several_recipes_are_folders_and_configurations(
    hub: Hub, corpus: CorpusConfig, tmp_path: Path
) -> None:
    result = CliRunner().invoke(
        main, ["push", str(tmp_path / "corpus.yaml"), "one", "two", "me/data"]
    )
    assert result.exit_code == 0, result.output
    assert result.output.strip() == f"{hub.url}/datasets/me/data/commit/1"
    assert {"one/messages.jsonl", "two/subset.parquet", "README.md"} <= hub.files.keys()
    datasets = pytest.importorskip("datasets", reason="needs the optional package `datasets`")
    for path, content in hub.files.items():
        file = tmp_path / "pulled" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    folder, cache = str(tmp_path / "pulled"), str(tmp_path / "cache")
    names = datasets.get_dataset_config_names(folder)
    assert names == ["one", "one-parquet", "two", "two-parquet"]
    rows = datasets.load_dataset(folder, "two", split="train", cache_dir=cache)
    assert rows["sample_id"][:] == [SINGLE.sample_id]


@pytest.mark.parametrize(("status", "reason"), [(403, "403"), (500, "500")])
def test_a_refusal_is_one_line_without_the_token(
    hub: Hub, corpus: CorpusConfig, tmp_path: Path, status: int, reason: str
) -> None:
    hub.fault = status
    result = CliRunner().invoke(main, ["push", str(tmp_path / "corpus.yaml"), "one", "me/data"])
    assert result.exit_code == 2
    assert reason in result.output
    assert "me/data was not pushed" in result.output
    assert TOKEN not in result.output


def test_what_can_be_known_beforehand(
    hub: Hub, corpus: CorpusConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(HubError, match="holds no export; materialize selected_subset of three"):
        push_subsets(corpus, ["three"], "me/data")
    with pytest.raises(HubError, match="not/a/name was not pushed"):
        push_subsets(corpus, ["one"], "not/a/name")
    (Path(corpus.export_dir) / "demo" / "one" / "messages.jsonl").write_text("{}\n")
    with pytest.raises(HubError, match=r"messages\.jsonl is not the file that was exported"):
        push_subsets(corpus, ["one"], "me/data")
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubError, match="HF_TOKEN is not set"):
        push_subsets(corpus, ["two"], "me/data")
    assert hub.files == {}
