"""The training assets over the small corpus, downstream of its subsets."""

import json
import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest
import yaml
from safetensors.torch import load_file

from tests.corpora import NAME, RECIPES, Corpus
from tshirt_assets.examples import sft
from tshirt_assets.models.causal_lm import load_causal_lm, read_model
from tshirt_assets.scoring.kernel.token_loss import LossRequest

OPTIONS = {"layers": 1, "epochs": 4, "learning_rate": 3e-3}


def train(corpus: Corpus, asset: str, recipe: str | None = None, **options: Any) -> dict[str, Any]:
    """Materialize a training asset as its own code location would; returns its metadata."""
    job = sft.build_sft_defs(corpus.config).resolve_implicit_global_asset_job_def()
    run_config = {"ops": {f"{NAME}__{asset}": {"config": options}}} if options else {}
    result = job.execute_in_process(
        instance=corpus.instance,
        asset_selection=[corpus.key(asset)],
        partition_key=recipe,
        run_config=run_config,
    )
    assert result.success
    return corpus.metadata(asset, recipe)


def training_folder(corpus: Corpus) -> Path:
    return Path(corpus.config.export_dir) / NAME / "_training"


@pytest.fixture(scope="module")
def trained(
    finished: Corpus, tiny_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Corpus, dict[str, dict[str, Any]]]:
    """The small corpus with all training assets materialized, and their metadata."""
    folder = tmp_path_factory.mktemp("trained") / "corpus"
    shutil.copytree(finished.folder, folder)
    corpus = Corpus(folder, tiny_models)
    found = {"held_out": train(corpus, "held_out", rows=8)}
    for recipe in RECIPES:
        found[recipe] = train(corpus, "sft_model", recipe, **OPTIONS)
    found["comparison"] = train(corpus, "sft_comparison")
    return corpus, found


def test_held_out_rows_are_usable_and_selected_by_no_recipe(trained: Any) -> None:
    corpus, found = trained
    held_out = pl.read_parquet(training_folder(corpus) / sft.HELD_OUT)
    usable = set(corpus.frame("samples").filter(pl.col("status") == "ok")["sample_id"])
    chosen = set()
    for recipe in RECIPES:
        chosen |= set(corpus.frame("selected_subset", recipe)["sample_id"])
    assert held_out["sample_id"].to_list() == sorted(usable - chosen)[:8]
    assert found["held_out"]["rows_not_selected"] == len(usable - chosen)


def test_every_recipe_is_trained_on_its_rows_and_measured_on_the_same(trained: Any) -> None:
    corpus, found = trained
    held_out = pl.read_parquet(training_folder(corpus) / sft.HELD_OUT)["sample_id"].to_list()
    for recipe in RECIPES:
        result = json.loads((training_folder(corpus) / recipe / "result.json").read_text())
        assert result["held_out"] == held_out
        assert result["rows"] == corpus.frame("selected_subset", recipe).height
        assert len(result["steps"]) == 4 * -(-result["rows"] // 2)
        metadata = found[recipe]
        assert metadata["held_out_loss_before_nats"] == pytest.approx(np.mean(result["before"]))
        assert metadata["held_out_loss_after_nats"] == pytest.approx(np.mean(result["after"]))
        assert metadata["held_out_loss_before_nats"] == found["tshirt"]["held_out_loss_before_nats"]
        assert metadata["held_out_loss_change_nats"] < 0  # rows of one language of random words
        assert "data:image/svg+xml;base64," in metadata["learning"]


def test_the_saved_weights_are_the_trained_model(trained: Any, tiny_models: Path) -> None:
    corpus, _ = trained
    model: Any = read_model(corpus.config.target_model)
    weights = load_file(training_folder(corpus) / "tshirt" / sft.WEIGHTS)
    assert not model.load_state_dict(weights, strict=False).unexpected_keys
    assert all(name.startswith("model.layers.1.") for name in weights)
    # The first held-out row, scored by the model with labels: an independent path to the loss.
    import torch
    from transformers import AutoTokenizer

    row = pl.read_parquet(training_folder(corpus) / sft.HELD_OUT).row(0, named=True)
    tokenizer = AutoTokenizer.from_pretrained(tiny_models / "lm")
    prompt = row["instruction"] + "\n" + (row["input"] + "\n" if row["input"] else "")
    asked, answer = (
        tokenizer.encode(text, add_special_tokens=False) for text in (prompt, row["response"])
    )
    ids = torch.tensor([asked + answer])
    labels = torch.tensor([[-100] * len(asked) + answer])
    with torch.no_grad():
        loss = model(input_ids=ids, labels=labels).loss
    result = json.loads((training_folder(corpus) / "tshirt" / "result.json").read_text())
    assert loss.item() == pytest.approx(result["after"][0], abs=1e-4)
    assert loss.item() != pytest.approx(result["before"][0], abs=1e-3)


def test_the_comparison_sets_recipes_beside_random(trained: Any) -> None:
    _, found = trained
    metadata = found["comparison"]
    assert "left_out" not in metadata
    lines = metadata["table"].splitlines()[2:]
    assert {line.split(" | ")[0].strip("| ") for line in lines} == set(RECIPES)
    assert "data:image/svg+xml;base64," in metadata["plot"]


def test_training_leaves_the_scorer_of_the_process_alone(materialized: Corpus) -> None:
    scorer = load_causal_lm(materialized.config.target_model)
    request = LossRequest(np.arange(20), 10)
    before = scorer.engine.losses([request])[0]
    train(materialized, "held_out", rows=4)
    train(materialized, "sft_model", "tshirt", **OPTIONS)
    assert np.array_equal(before, scorer.engine.losses([request])[0])


def test_models_on_other_held_out_rows_are_left_out_of_the_comparison(
    materialized: Corpus,
) -> None:
    train(materialized, "held_out", rows=4)
    train(materialized, "sft_model", "ifd", epochs=1)
    train(materialized, "held_out", rows=5)
    for recipe in ("tshirt", "miwv"):
        train(materialized, "sft_model", recipe, epochs=1)
    metadata = train(materialized, "sft_comparison")
    assert metadata["recipes"] == 2
    assert metadata["left_out"] == "ifd, random"


def test_without_rows_or_models_the_failure_says_what_to_do(materialized: Corpus) -> None:
    with pytest.raises(dg.Failure, match="materialize sft_model"):
        train(materialized, "sft_comparison")
    everything = RECIPES | {"everything": {"method": "longest", "budget": 1.0}}
    materialized.configure(recipes=everything)
    materialized.materialize("selected_subset", partitions=["everything"])
    with pytest.raises(dg.Failure, match="lower the budgets"):
        train(materialized, "held_out")


def test_the_code_location_has_the_assets_of_every_configured_corpus(
    finished: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = yaml.safe_load(finished.file.read_text()) | {"name": "other"}
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(other))
    paths = f"{finished.file}:{tmp_path / 'other.yaml'}"
    monkeypatch.setenv("TSHIRT_ASSETS_CORPUS", paths)
    defs = sft.defs()
    graph = defs.resolve_asset_graph()
    specs = {key.to_user_string(): graph.get(key) for key in graph.materializable_asset_keys}
    assets = ("held_out", "sft_model", "sft_comparison")
    assert set(specs) == {f"{name}/{asset}" for name in (NAME, "other") for asset in assets}
    partitions = specs["other/sft_model"].partitions_def
    assert partitions
    assert set(partitions.get_partition_keys()) == set(RECIPES)
    assert dg.AssetKey(["other", "selected_subset"]) in specs["other/sft_model"].parent_keys
