"""Only what is missing is computed."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.corpora import ASSETS, NAME, SCORED, Corpus, make_rows, save_embedder
from tshirt_assets.assets import token_scores
from tshirt_assets.factory import build_curation_defs
from tshirt_assets.incremental import identity
from tshirt_assets.incremental.catalog import TOKEN_SCORES as RECORD
from tshirt_assets.incremental.columns import TOKEN_SCORES
from tshirt_assets.incremental.reuse import Reuse


def test_running_again_computes_nothing_and_leaves_everything_fresh(materialized: Corpus) -> None:
    before = materialized.versions()
    materialized.materialize_all()
    assert materialized.versions() == before
    assert materialized.stale() == {}
    for asset in SCORED:
        assert materialized.computed(asset) == 0
        assert materialized.reused(asset) > 0
    assert materialized.metadata("neighbours")["searched"] == 0
    assert materialized.metadata("neighbours")["changed"] == 0


def test_three_changed_rows_are_three_computed_rows(materialized: Corpus, tmp_path: Path) -> None:
    """And the outcome is that of a corpus that was always like this."""
    a = materialized.shard("a-")
    contenders_before = set(materialized.frame("robust_scores")["sample_id"])
    demo_before = dict(materialized.frame("miwv_scores").select("sample_id", "neighbour_id").rows())
    changed = make_rows(0, 10)
    for position in (2, 5, 7):
        changed[position]["output"] = f"changed answer {position} into the rain"
    materialized.write("a.jsonl", changed)
    assert materialized.sensor_tick().dynamic_partitions_requests == []
    stale = materialized.stale()
    assert stale["samples", a]
    assert ("samples", materialized.shard("b-")) not in stale

    materialized.materialize("samples", "embeddings", "token_scores", partitions=[a])
    for asset in ("embeddings", "token_scores"):
        assert materialized.metadata(asset, a)["computed"] == 3
        assert materialized.metadata(asset, a)["reused"] == 7
    materialized.materialize("contenders", "neighbours")
    materialized.materialize("robust_scores", "miwv_scores")
    contenders = set(materialized.frame("robust_scores")["sample_id"])
    assert materialized.computed("robust_scores") == len(contenders - contenders_before)
    miwv = materialized.frame("miwv_scores").filter(pl.col("status") == "ok")
    moved = [
        sample_id
        for sample_id, neighbour in miwv.unique("sample_id")
        .select("sample_id", "neighbour_id")
        .rows()
        if demo_before.get(sample_id) != neighbour
    ]
    assert 3 <= len(moved) < 30
    # The first row of a.jsonl is in c.jsonl as well, and is scored once per shard.
    assert len(moved) <= materialized.computed("miwv_scores") <= len(moved) + 1
    materialized.materialize("selected_subset")
    assert materialized.stale() == {}

    fresh = Corpus(tmp_path / "fresh", materialized.models)
    for name in ("a", "b", "c"):
        fresh.path(f"{name}.jsonl").write_text(materialized.path(f"{name}.jsonl").read_text())
    fresh.materialize_all()
    assert_same_results(materialized, fresh)


@pytest.mark.slow
def test_three_changed_rows_of_a_thousand(tmp_path: Path, tiny_models: Path) -> None:
    recipes = {"tshirt": {"method": "tshirt", "budget": 20}}
    corpus = Corpus(tmp_path / "corpus", tiny_models, {"recipes": recipes})
    rows = make_rows(0, 1000)
    corpus.write("a.jsonl", rows)
    corpus.materialize_all()
    [a] = corpus.shards
    demo_before = dict(corpus.frame("neighbours").select("sample_id", "neighbour_id").rows())
    perturbed_before = set(corpus.frame("robust_scores")["sample_id"])
    for position in (17, 500, 999):
        rows[position] |= {"instruction": f"explain the rain {position}", "output": "it is water"}
    corpus.write("a.jsonl", rows)
    corpus.materialize_all()

    for asset in ("embeddings", "token_scores"):
        work = corpus.metadata(asset, a)
        assert (work["computed"], work["reused"]) == (3, 997), asset
    perturbed = set(corpus.frame("robust_scores")["sample_id"])
    assert corpus.computed("robust_scores") == len(perturbed - perturbed_before) < 10
    demo = dict(corpus.frame("neighbours").select("sample_id", "neighbour_id").rows())
    moved = [sample_id for sample_id in demo if demo_before.get(sample_id) != demo[sample_id]]
    assert corpus.computed("miwv_scores") == len(moved) < 50
    assert corpus.reused("miwv_scores") == 1000 - len(moved)
    counts = {asset: corpus.computed(asset) for asset in SCORED}
    print(f"computed of 1,000 rows, 3 of them changed: {counts}")


@pytest.mark.parametrize("tolerance", [0.05, 0.0])
def test_few_changed_rows_measure_no_contender_again(
    tmp_path: Path, tiny_models: Path, tolerance: float
) -> None:
    """Analytic scores belong to one tau and one calibration: both stay within `tau_tolerance`."""
    options = {
        "recipes": {"tshirt": {"method": "tshirt", "budget": 5}},
        "robustness": {"estimator": "analytic"},
        "tau_tolerance": tolerance,
    }
    corpus = Corpus(tmp_path / "corpus", tiny_models, options)
    rows = make_rows(0, 100)
    corpus.write("a.jsonl", rows)
    corpus.register()
    scoring = ("samples", "token_scores"), ("contenders",), ("calibration",), ("robust_scores",)
    for assets in scoring:
        corpus.materialize(*assets)
    before = corpus.frame("robust_scores").select("sample_id", "tau")
    rows[50] |= {"output": "it is water"}
    corpus.write("a.jsonl", rows)
    for assets in scoring:
        corpus.materialize(*assets)
    now = corpus.frame("robust_scores").select("sample_id", "tau")
    known = now.join(before, on=["sample_id", "tau"], how="semi").height
    assert corpus.computed("robust_scores") == now.height - known
    assert (known > now.height / 2) is (tolerance > 0)
    quantile = corpus.metadata("contenders")["tau_of_the_present_rows_nats"]
    assert (quantile == now["tau"][0]) is (tolerance == 0)
    assert ("kept" in corpus.metadata("calibration")) is (tolerance > 0)


def assert_same_results(one: Corpus, other: Corpus) -> None:
    for asset in ASSETS:
        partitions: list[str | None] = [None]
        if asset == "selected_subset":
            partitions = [*one.config.recipes]
        for partition in partitions:
            assert_frame_equal(
                one.frame(asset, partition), other.frame(asset, partition), abs_tol=2e-5
            )


def test_split_and_renamed_files_are_not_computed_again(materialized: Corpus) -> None:
    rows = make_rows(0, 10)
    materialized.write("x.jsonl", rows[:4])
    materialized.write("y.jsonl", random.Random(0).sample(rows[4:], 6))
    materialized.path("a.jsonl").unlink()
    new = materialized.register()
    assert [key[0] for key in new] == ["x", "y"]
    materialized.materialize("samples", "embeddings", "token_scores", partitions=new)
    materialized.materialize("contenders", "neighbours")
    assert materialized.metadata("neighbours")["changed"] == 0
    materialized.materialize("robust_scores", "miwv_scores", partitions=new)
    for asset in SCORED:
        for shard in new:
            assert materialized.metadata(asset, shard)["computed"] == 0
    assert sum(materialized.metadata("token_scores", shard)["reused"] for shard in new) == 10
    # Every row sits at its new place.
    for shard in new:
        scores = materialized.frame("token_scores", shard)
        assert scores["row"].to_list() == list(range(scores.height))
        assert scores["sample_id"].equals(materialized.frame("samples", shard)["sample_id"])
    assert "neighbour_shard" in materialized.frame("neighbours").columns
    assert materialized.shard("a-") not in materialized.frame("neighbours")["neighbour_shard"]


def test_a_new_shard_computes_itself_and_the_rows_it_is_nearest_to(materialized: Corpus) -> None:
    materialized.write("d.jsonl", make_rows(3, 8))
    result = materialized.sensor_tick()
    [request] = result.dynamic_partitions_requests or []
    [d] = request.partition_keys
    materialized.materialize("samples", "embeddings", "token_scores", partitions=[d])
    assert materialized.metadata("token_scores", d)["computed"] == 8
    materialized.materialize("contenders", "neighbours")
    neighbours = materialized.metadata("neighbours")
    assert neighbours["method"] == "updated"
    assert neighbours["searched"] == 8
    assert 8 <= neighbours["changed"] < 38
    materialized.materialize("robust_scores", "miwv_scores")
    nearer = neighbours["changed"] - 8
    assert materialized.metadata("miwv_scores", d)["computed"] == 8
    assert nearer <= materialized.computed("miwv_scores") - 8 <= nearer + 2  # c repeats 2 rows
    materialized.materialize("selected_subset")
    assert materialized.stale() == {}


SAMPLED = {"estimator": "sampled", "neighbours": 3}
EVERYTHING = {"token_scores": 10, "miwv_scores": 10}
CHANGES: dict[str, tuple[dict[str, Any], dict[str, int]]] = {
    "seed": ({"seed": 7}, {"token_scores": 0, "miwv_scores": 0}),
    "alpha": ({"robustness": SAMPLED | {"alpha": 2.0}}, {"token_scores": 0}),
    "neighbours": ({"robustness": SAMPLED | {"neighbours": 2}}, {"token_scores": 0}),
    "prompt_format": ({"prompt_format": "alpaca"}, EVERYTHING),
    "max_length": ({"scorer": {"path": "lm", "max_length": 300}}, EVERYTHING),
    "model": ({"scorer": {"path": "other_lm", "max_length": 400}}, EVERYTHING),
    "target": ({"target": {"path": "other_lm"}}, {"token_scores": 0, "miwv_scores": 10}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_change_of_the_configuration_computes_again(
    materialized: Corpus, tiny_models: Path, change: str
) -> None:
    options, computed = CHANGES[change]
    for model in ("scorer", "target"):
        if model in options:
            path = str(tiny_models / options[model]["path"])
            options = options | {model: options[model] | {"path": path}}
    materialized.configure(**options)
    a = materialized.shard("a-")
    contenders = materialized.metadata("robust_scores", a)["dagster/row_count"]
    assert contenders > 0
    materialized.materialize("robust_scores", *computed, partitions=[a])
    perturbed = 0 if change == "target" else contenders
    assert materialized.metadata("robust_scores", a)["computed"] == perturbed
    for asset, expected in computed.items():
        assert materialized.metadata(asset, a)["computed"] == expected, asset


def test_another_code_version_computes_everything_again(
    materialized: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised = replace(RECORD, code_version="next")
    monkeypatch.setitem(identity.ASSETS, "token_scores", raised)
    monkeypatch.setattr(token_scores, "TOKEN_SCORES", raised)
    materialized.configure()
    a, before = materialized.shard("a-"), materialized.version("token_scores", None)
    assert materialized.stale()["token_scores", a]
    materialized.materialize("token_scores", partitions=[a])
    assert materialized.metadata("token_scores", a)["computed"] == 10
    assert materialized.version("token_scores", a) != before  # the identity is on every row


def test_another_embedder_embeds_again_and_keeps_no_old_similarity(
    materialized: Corpus, tmp_path: Path
) -> None:
    save_embedder(tmp_path / "embedder", seed=5)
    materialized.configure(embedder={"path": str(tmp_path / "embedder"), "device": "cpu"})
    materialized.materialize("embeddings")
    assert materialized.reused("embeddings") == 0
    materialized.materialize("neighbours")
    materialized.materialize("miwv_scores")
    now = dict(materialized.frame("neighbours").select("sample_id", "similarity").rows())
    miwv = materialized.frame("miwv_scores").filter(pl.col("status") == "ok")
    assert miwv["similarity"].to_list() == [now[sample_id] for sample_id in miwv["sample_id"]]
    changed = materialized.metadata("neighbours")["changed"]
    assert materialized.computed("miwv_scores") < 31 or changed == 30


def test_another_keep_fraction_perturbs_only_new_contenders(materialized: Corpus) -> None:
    before = set(materialized.frame("robust_scores")["sample_id"])
    tau = materialized.metadata("contenders")["tau_nats"]
    materialized.configure(keep_fraction=0.5)
    materialized.materialize("contenders")
    materialized.materialize("robust_scores")
    assert materialized.metadata("contenders")["tau_nats"] > tau
    robust = materialized.frame("robust_scores")
    assert robust["tau"].unique().to_list() == [materialized.metadata("contenders")["tau_nats"]]
    assert robust["keep_fraction"].unique().to_list() == [0.5]
    new = set(robust["sample_id"]) - before
    assert materialized.computed("robust_scores") == len(new) < robust.height


def test_two_corpora_side_by_side(materialized: Corpus) -> None:
    """Same rows, store and Dagster instance: each corpus has its own shards, tables and assets."""
    values = materialized.config.model_dump()
    second = materialized.config.model_validate(values | {"name": "second", "seed": 7})
    both = build_curation_defs([materialized.config, second])
    before = {info.name: info.version for info in materialized.store.stored(NAME, "token_scores")}
    first_config, materialized.config, materialized.defs = materialized.config, second, both
    materialized.register()
    materialized.materialize("samples", "token_scores")
    assert materialized.computed("token_scores") == 31  # nothing is taken from the other corpus
    materialized.config = first_config
    after = {info.name: info.version for info in materialized.store.stored(NAME, "token_scores")}
    assert after == before
    names = {info.name for info in materialized.store.stored("second", "token_scores")}
    assert len(names) == 3
    assert not names & set(before)
    ours = materialized.frame("token_scores").drop("identity")
    theirs = [materialized.store.read("second", "token_scores", key) for key in materialized.shards]
    frames = [pl.DataFrame(pl.from_arrow(part)).drop("identity") for part in theirs]
    assert_frame_equal(pl.concat(frames), ours, abs_tol=2e-5)


def test_rows_of_another_identity_are_never_found(finished: Corpus) -> None:
    ids = finished.frame("token_scores", finished.shards[0])["sample_id"].to_list()
    own = finished.frame("token_scores")["identity"][0]
    for found_identity, expected in ((own, 10), ("0" * 16, None)):
        reuse = Reuse(finished.store, NAME, "token_scores", found_identity, TOKEN_SCORES)
        for shard in (finished.shards[0], "elsewhere"):
            found = reuse.find(ids, shard)
            assert (None if found is None else found.height) == expected
