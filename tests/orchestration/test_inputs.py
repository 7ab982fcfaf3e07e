"""What Dagster shows as stale: with more shards than it compares, and recipe by recipe."""

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

from tests.orchestration.recorded import RECIPES, Recorded

MANY = 101  # Dagster compares the versions of fewer than 100 upstream partitions
WHOLE = ("contenders", "calibration", "neighbours", "search")


@pytest.fixture
def corpus(tmp_path: Path, request: pytest.FixtureRequest) -> Recorded:
    """A corpus of a few shards, or of as many as the test says, of which everything is made."""
    made = Recorded(tmp_path)
    made.write(*(f"f{number:03}" for number in range(getattr(request, "param", 4))))
    made.notice()
    for asset in ("samples", "embeddings", "token_scores"):
        made.made(asset, *made.shards)
    for asset in WHOLE:
        made.made(asset)
    for asset in ("robust_scores", "miwv_scores"):
        made.made(asset, *made.shards)
    made.made("selected_subset", *RECIPES)
    return made


def stale(corpus: Recorded) -> set[str]:
    """The corpus-wide assets and recipes that the UI shows as stale."""
    graph = corpus.defs.get_repository_def().asset_graph
    context = LoadingContextForTest(corpus.instance)
    resolver = CachingStaleStatusResolver(corpus.instance, graph, context)
    places = [(asset, None) for asset in WHOLE]
    places += [("selected_subset", recipe) for recipe in RECIPES]  # type: ignore[misc]
    return {
        recipe or asset
        for asset, recipe in places
        if resolver.get_status(corpus.binding.key(asset), recipe) is not StaleStatus.FRESH
    }


@pytest.mark.parametrize("corpus", [4, MANY], indirect=True)
def test_only_what_is_made_from_a_changed_table_is_stale(corpus: Recorded) -> None:
    assert stale(corpus) == set()
    corpus.made("miwv_scores", corpus.shards[2], version="2")
    assert stale(corpus) == {"miwv"}
    corpus.made("selected_subset", "miwv")
    assert stale(corpus) == set()
    corpus.made("embeddings", corpus.shards[2], version="2")
    assert stale(corpus) == {"neighbours", "search"}
    corpus.made("token_scores", corpus.shards[2], version="2")
    assert stale(corpus) == {*WHOLE, *RECIPES}


def test_what_is_made_again_with_the_same_rows_is_no_change(corpus: Recorded) -> None:
    for asset in ("samples", "embeddings", "token_scores", "robust_scores", "miwv_scores"):
        corpus.made(asset, *corpus.shards[:3])
    assert stale(corpus) == set()
    assert corpus.notice() == []


def test_a_file_that_is_gone_makes_everything_stale(corpus: Recorded) -> None:
    (corpus.folder / "rows" / "f003.jsonl").unlink()
    corpus.notice()
    assert stale(corpus) >= {"contenders", *RECIPES}


def test_the_sensor_notices_what_no_run_has_told(corpus: Recorded) -> None:
    key, shard = corpus.binding.key("robust_scores"), corpus.shards[0]
    tags = corpus.latest("robust_scores", shard).tags | {"dagster/data_version": "by another"}
    corpus.instance.report_runless_asset_event(
        dg.AssetMaterialization(key, partition=shard, tags=tags)
    )
    assert stale(corpus) == set()
    assert corpus.notice()[0] == "inputs selected_subset:tshirt"
    assert stale(corpus) == {"tshirt"}
