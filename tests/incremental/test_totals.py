"""How many rows a step has, against the rows that were scored in the end."""

from pathlib import Path

import pytest

from tests.corpora import NAME, Corpus
from tshirt_assets.incremental.totals import rows_to_do
from tshirt_assets.store.store import Store


@pytest.mark.parametrize("asset", ["embeddings", "token_scores", "miwv_scores"])
def test_what_holds_every_sample_has_its_rows(finished: Corpus, asset: str) -> None:
    rows = finished.frame("samples").height
    assert rows_to_do(finished.store, finished.config, asset, finished.shards) == rows
    [some, *_] = finished.shards
    info = finished.store.info(NAME, "samples", some)
    assert info is not None
    assert rows_to_do(finished.store, finished.config, asset, [some, "gone"]) == info.rows


def test_robust_scores_have_the_contenders(finished: Corpus) -> None:
    measured = finished.frame("robust_scores")  # by one estimator
    found = rows_to_do(finished.store, finished.config, "robust_scores", finished.shards)
    assert found == measured.height
    [some, *_] = finished.shards
    of_one = rows_to_do(finished.store, finished.config, "robust_scores", [some])
    assert of_one == measured.filter(measured["shard"] == some).height


def test_a_row_counts_once_for_every_table_that_it_is_measured_in(finished: Corpus) -> None:
    contenders = finished.frame("contenders")
    contending = contenders["contender"].sum()
    usable = contenders.filter(contenders["status"] == "ok").height
    for robustness, expected in (
        ({"estimator": "analytic"}, contending),
        ({"estimator": "hybrid"}, 2 * contending),
        ({"estimator": "hybrid", "scope": "all"}, 2 * usable),
    ):
        config = finished.config.model_copy(
            update={
                "robustness": finished.config.robustness.model_copy(update=robustness),
                "recipes": {
                    name: recipe.model_copy(update={"estimator": robustness["estimator"]})
                    if recipe.method == "tshirt"
                    else recipe
                    for name, recipe in finished.config.recipes.items()
                    if recipe.method != "reference"
                },
            }
        )
        found = rows_to_do(finished.store, config, "robust_scores", finished.shards)
        assert found == expected, robustness


def test_what_cannot_be_read_ends_nothing(finished: Corpus, tmp_path: Path) -> None:
    empty = Store(str(tmp_path))
    assert rows_to_do(empty, finished.config, "robust_scores", finished.shards) is None
    assert rows_to_do(empty, finished.config, "token_scores", finished.shards) == 0


def test_of_other_assets_nobody_knows(finished: Corpus) -> None:
    for asset in ("samples", "contenders", "calibration", "selected_subset"):
        assert rows_to_do(finished.store, finished.config, asset, finished.shards) is None
