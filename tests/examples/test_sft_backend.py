"""The training code location beside the curation, through the backend of the UI."""

import json
import shutil
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.corpora import NAME, Corpus
from tests.webserver import dagster_dev

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

WORKSPACE = """load_from:
  - python_module:
      module_name: tshirt_assets.definitions
      location_name: curation
  - python_module:
      module_name: tshirt_assets.examples.sft
      location_name: training
"""
RECIPES = ["random", "tshirt"]
GRAPH = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
  partitionKeys
  repository { location { name } }
  dependencies { asset { assetKey { path } isExecutable repository { location { name } } } }
} } }"""
LAUNCH = """mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
} }"""
BACKFILL = """query($id: String!) { partitionBackfillOrError(backfillId: $id) {
  ... on PartitionBackfill { status runs { status tags { key value } } error { message } }
} }"""
METADATA = """query($key: AssetKeyInput!) { assetOrError(assetKey: $key) { ... on Asset {
  assetMaterializations(limit: 1) {
    metadataEntries { label ... on MarkdownMetadataEntry { mdStr } }
} } } }"""


@pytest.fixture(scope="module")
def backend(
    finished: Corpus, tiny_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Address of the GraphQL interface over both code locations and a curated corpus."""
    folder = tmp_path_factory.mktemp("backend") / "corpus"
    shutil.copytree(finished.folder, folder)
    corpus = Corpus(folder, tiny_models)
    with dagster_dev(corpus.file, corpus.home, WORKSPACE) as url:
        yield f"{url}/graphql"


def ask(url: str, query: str, **variables: Any) -> Any:
    """The only field of the answer to a GraphQL query."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as response:
        answer = json.load(response)
    assert "errors" not in answer, answer
    [field] = answer["data"].values()
    return field


def key(asset: str) -> dict[str, list[str]]:
    return {"path": [NAME, asset]}


def test_the_model_hangs_on_the_subset_of_the_other_location(backend: str) -> None:
    node = ask(backend, GRAPH, key=key("sft_model"))
    assert node["repository"]["location"]["name"] == "training"
    assert set(RECIPES) < set(node["partitionKeys"])
    upstream = {
        dependency["asset"]["assetKey"]["path"][-1]: dependency["asset"]["repository"]
        for dependency in node["dependencies"]
    }
    assert upstream["selected_subset"]["location"]["name"] == "curation"
    assert upstream["held_out"]["location"]["name"] == "training"


def test_one_backfill_trains_and_compares(backend: str) -> None:
    assets = [key(asset) for asset in ("held_out", "sft_model", "sft_comparison")]
    params = {"assetSelection": assets, "partitionNames": RECIPES}
    launched = ask(backend, LAUNCH, params=params)
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline:
        backfill = ask(backend, BACKFILL, id=launched["backfillId"])
        if backfill["status"] not in ("REQUESTED", "CANCELING"):
            break
        time.sleep(2)
    assert backfill["status"] == "COMPLETED_SUCCESS", backfill
    assert {run["status"] for run in backfill["runs"]} == {"SUCCESS"}
    tags = [tag for run in backfill["runs"] for tag in run["tags"]]
    trained = {tag["value"] for tag in tags if tag["key"] == "dagster/partition"}
    assert trained == set(RECIPES)

    [materialization] = ask(backend, METADATA, key=key("sft_comparison"))["assetMaterializations"]
    metadata = {entry["label"]: entry.get("mdStr") for entry in materialization["metadataEntries"]}
    assert all(f"| {recipe} |" in metadata["table"] for recipe in RECIPES)
    assert metadata["plot"].startswith("![")
