"""Recipes of every kind through the asset, with what they record and export."""

import json
import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest

from tests.corpora import NAME, Corpus, make_rows
from tests.corpora import RECIPES as RECIPES_OF_THE_CORPUS
from tshirt_assets.report.serve import report_file

RECIPES = {
    "fused": {"method": "fusion", "budget": 6, "fuse": ["miwv", "ifd"]},
    "miwv": {"method": "miwv", "budget": 6},
    "ifd": {"method": "ifd", "budget": 6},
    "longest": {"method": "longest", "budget": 6},
    "balanced": {"method": "longest", "budget": 10, "quotas": {"odd": 0.8}},
    "distinct": {"method": "longest", "budget": 6, "dedupe_similarity": 0.98},
    "spread": {"method": "miwv", "budget": 4, "diversity": {"method": "k_center", "pool": 3.0}},
    "greedy": {"method": "random", "budget": 1000},
}


@pytest.fixture(scope="module")
def selected(
    finished: Corpus, tmp_path_factory: pytest.TempPathFactory, tiny_models: Path
) -> Corpus:
    folder = tmp_path_factory.mktemp("recipes") / "corpus"
    shutil.copytree(finished.folder, folder)
    corpus = Corpus(folder, tiny_models)
    corpus.configure(recipes=RECIPES)
    corpus.materialize("selected_subset")
    return corpus


def subset(corpus: Corpus, recipe: str) -> pl.DataFrame:
    return corpus.frame("selected_subset", recipe)


@pytest.mark.parametrize("recipe", RECIPES)
def test_subsets_have_their_size_and_ranks_and_reasons(selected: Corpus, recipe: str) -> None:
    frame = subset(selected, recipe)
    budget = min(RECIPES[recipe]["budget"], 30)
    if recipe not in ("distinct", "ifd"):  # few rows may qualify
        assert frame.height == budget
    assert frame["rank"].to_list() == list(range(1, frame.height + 1))
    assert frame["sample_id"].n_unique() == frame.height
    assert frame["recipe"].unique().to_list() == [recipe]
    assert frame["reason"].null_count() == 0
    metadata = selected.metadata("selected_subset", recipe)
    assert metadata["budget"] == budget
    assert frame.height + sum(metadata["not_selected"].values()) == 34


def test_longest_takes_the_longest(selected: Corpus) -> None:
    scores = selected.frame("token_scores").filter(pl.col("status") == "ok").unique("sample_id")
    lengths = sorted(scores["n_response_tokens"], reverse=True)
    assert sorted(subset(selected, "longest")["n_response_tokens"], reverse=True) == lengths[:6]


def test_quotas_are_filled_from_the_domain_column(selected: Corpus) -> None:
    assert (subset(selected, "balanced")["domain"] == "odd").sum() >= 8


def test_similar_rows_are_skipped(selected: Corpus) -> None:
    vectors = dict(selected.frame("embeddings").select("sample_id", "vector").rows())
    chosen = np.array([vectors[i] for i in subset(selected, "distinct")["sample_id"]])
    cosines = chosen @ chosen.T
    np.fill_diagonal(cosines, 0)
    assert cosines.max() < 0.98
    assert "embeddings" in json.loads(recorded(selected, "distinct")["inputs"])


def recorded(corpus: Corpus, recipe: str) -> dict[str, str]:
    info = corpus.store.info(corpus.config.name, "selected_subset", recipe)
    assert info is not None
    return info.meta


def test_only_what_decides_a_recipe_is_recorded_as_its_input(selected: Corpus) -> None:
    expected = {
        "fused": {"miwv_scores"},
        "miwv": {"miwv_scores"},
        "ifd": set(),
        "spread": {"miwv_scores", "embeddings"},
        "greedy": set(),
    }
    for recipe, assets in expected.items():
        inputs = json.loads(recorded(selected, recipe)["inputs"])
        assert set(inputs) == {"samples", "token_scores"} | assets


def test_a_budget_above_the_corpus_takes_all_and_says_so(selected: Corpus) -> None:
    metadata = selected.metadata("selected_subset", "greedy")
    assert "1000" in metadata["notes"]
    assert "30" in metadata["notes"]


def test_selecting_again_changes_nothing(selected: Corpus) -> None:
    before = {recipe: selected.version("selected_subset", recipe) for recipe in RECIPES}
    folder = Path(selected.metadata("selected_subset", "fused")["exports"])
    exported = (folder / "messages.jsonl").read_bytes()
    selected.materialize("selected_subset", partitions=["fused"])
    assert selected.version("selected_subset", "fused") == before["fused"]
    assert (folder / "messages.jsonl").read_bytes() == exported


def materialized_again(corpus: Corpus) -> set[str]:
    """The recipes that were selected again by a run over all of them."""
    corpus.materialize("selected_subset")
    return {
        recipe
        for recipe in corpus.config.recipes
        if not corpus.metadata("selected_subset", recipe).get("unchanged")
    }


def test_what_is_unchanged_is_not_selected_again(materialized: Corpus) -> None:
    corpus, recipes = materialized, set(RECIPES_OF_THE_CORPUS)
    before = {recipe: corpus.metadata("selected_subset", recipe) for recipe in recipes}
    assert materialized_again(corpus) == set()
    for recipe, metadata in before.items():
        now = {"unchanged": True, "recipes_compared": str(report_file(corpus.config))}
        assert corpus.metadata("selected_subset", recipe) == metadata | now

    budgets = {**RECIPES_OF_THE_CORPUS, "ifd": {"method": "ifd", "budget": 3}}
    corpus.configure(recipes=budgets)
    assert materialized_again(corpus) == {"ifd"}
    assert materialized_again(corpus) == set()

    folder = corpus.folder / "exports" / "tiny"
    messages = folder / "miwv" / "messages.jsonl"
    messages.write_bytes(messages.read_bytes().replace(b"a", b"e", 1))
    (folder / "ifd" / "report.html").unlink()
    assert materialized_again(corpus) == {"miwv", "ifd"}
    assert b"unchanged" not in messages.read_bytes()

    corpus.configure(exports=["alpaca"])
    assert materialized_again(corpus) == recipes
    corpus.configure(export_token_weights=True)
    assert materialized_again(corpus) == recipes


def test_new_scores_are_selected_from_again(materialized: Corpus) -> None:
    rows = make_rows(0, 10)
    rows[3]["output"] = "another answer about the rain"
    materialized.write("a.jsonl", rows)
    materialized.materialize("samples", "token_scores")
    assert materialized_again(materialized) == set(RECIPES_OF_THE_CORPUS)


def test_a_damaged_subset_is_made_again(materialized: Corpus) -> None:
    version = materialized.metadata("selected_subset", "ifd")["table_version"]
    table = materialized.store.read("tiny", "selected_subset", "ifd")
    info = materialized.store.info("tiny", "selected_subset", "ifd")
    assert info is not None
    materialized.store.write("tiny", "selected_subset", "ifd", table.slice(1), info.meta)
    assert materialized_again(materialized) == {"ifd"}
    assert materialized.metadata("selected_subset", "ifd")["table_version"] > version


def test_a_subset_is_an_argument_in_the_run_that_selects_it(
    selected: Corpus, tmp_path: Path
) -> None:
    """Wired by default: an asset of the same code location trains on what was just selected."""
    seen: dict[str, Any] = {}

    @dg.asset(
        ins={"selected_subset": dg.AssetIn(key_prefix=NAME)},
        partitions_def=dg.StaticPartitionsDefinition([*selected.config.recipes]),
    )
    def model(context: dg.AssetExecutionContext, selected_subset: pl.LazyFrame) -> None:
        seen[context.partition_key] = selected_subset.collect()

    @dg.asset(ins={"token_scores": dg.AssetIn(key_prefix=NAME)})
    def lengths(token_scores: pl.LazyFrame) -> None:
        usable = token_scores.filter(pl.col("status") == "ok")
        seen["tokens"] = usable.select("n_response_tokens").collect()

    defs = dg.Definitions.merge(selected.defs, dg.Definitions(assets=[model, lengths]))
    job = defs.resolve_implicit_global_asset_job_def()
    chosen = [selected.key("selected_subset"), model.key]
    run = {"instance": selected.instance, "raise_on_error": True}
    assert job.execute_in_process(asset_selection=chosen, partition_key="longest", **run).success
    assert job.execute_in_process(asset_selection=[lengths.key], **run).success
    assert (
        seen["longest"]["sample_id"].to_list() == subset(selected, "longest")["sample_id"].to_list()
    )
    assert seen["longest"]["response"].null_count() == 0
    scored = selected.frame("token_scores").filter(pl.col("status") == "ok")
    assert seen["tokens"]["n_response_tokens"].sum() == scored["n_response_tokens"].sum()
