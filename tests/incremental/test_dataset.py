"""Dataset-wide assets: which shards take part."""

import json

import dagster as dg
import numpy as np
import polars as pl
import pytest

from tests import oracle
from tests.corpora import NAME, Corpus, make_rows


def failure(result: dg.ExecuteInProcessResult) -> str:
    """The message of the only failed step."""
    [event] = result.get_step_failure_events()
    data = event.step_failure_data
    assert data.error is not None
    return data.error.message


@pytest.fixture
def incomplete(materialized: Corpus) -> Corpus:
    """The finished corpus and one more shard that nobody has materialized."""
    materialized.write("d.jsonl", make_rows(3, 2))
    materialized.register()
    return materialized


def test_error_fails_and_names_a_missing_shard(incomplete: Corpus) -> None:
    incomplete.configure(on_missing_shards="error")
    before = incomplete.store.info(NAME, "contenders")
    result = incomplete.materialize("contenders", succeeds=False)
    assert f"not materialized for 1 shards (first: {incomplete.shard('d-')})" in failure(result)
    assert "or set on_missing_shards to warn" in failure(result)
    assert incomplete.store.info(NAME, "contenders") == before


@pytest.mark.parametrize("policy", ["warn", "ignore"])
def test_warn_and_ignore_go_on_and_record_what_is_missing(incomplete: Corpus, policy: str) -> None:
    incomplete.configure(on_missing_shards=policy)
    d = incomplete.shard("d-")
    found = incomplete.checks(incomplete.materialize("contenders", "neighbours"))
    found |= incomplete.checks(incomplete.materialize("selected_subset", partitions=["ifd"]))
    for asset in ("contenders", "neighbours", "selected_subset"):
        check = found[f"{asset}.all_shards_used"]
        assert check.passed is (policy == "ignore")
        assert check.severity is dg.AssetCheckSeverity.WARN or check.passed
        assert d in check.description
    for asset in ("contenders", "neighbours"):
        assert incomplete.metadata(asset)["missing_shards"] == d
        assert incomplete.metadata(asset)["shards"] == 3


@pytest.mark.parametrize("policy", ["error", "warn", "ignore"])
def test_without_any_shard_there_is_nothing_to_do(corpus: Corpus, policy: str) -> None:
    corpus.configure(on_missing_shards=policy)
    for registered in (0, 3):
        message = failure(corpus.materialize("contenders", succeeds=False))
        if policy == "error" and registered:
            assert "not materialized for 3 shards" in message
        else:
            assert (
                f"no shard of 'tiny' has token_scores; materialize the shards first ({registered}"
            )
            assert f"({registered} are registered)" in message
        corpus.register()


def test_a_file_that_disappeared_is_left_out_reported_and_kept(materialized: Corpus) -> None:
    a = materialized.shard("a-")
    ids = set(materialized.frame("samples", a)["sample_id"])
    only_there = ids - set(materialized.frame("samples", materialized.shard("c-"))["sample_id"])
    stored = {
        asset: materialized.store.info(NAME, asset, a) for asset in ("samples", "miwv_scores")
    }
    materialized.path("a.jsonl").unlink()
    materialized.sensor_tick()
    assert a in materialized.shards

    found = materialized.checks(materialized.materialize("contenders", "neighbours"))
    others = [shard for shard in materialized.shards if shard != a]
    materialized.materialize("robust_scores", "miwv_scores", partitions=others)
    found |= materialized.checks(materialized.materialize("selected_subset"))
    for asset in ("contenders", "neighbours", "selected_subset"):
        check = found[f"{asset}.all_shards_used"]
        assert not check.passed
        assert f"without a file, left out: {a}" in check.description
    assert materialized.metadata("contenders")["orphaned_shards"] == a
    for asset in ("contenders", "neighbours"):
        assert not only_there & set(materialized.frame(asset)["sample_id"])
    for recipe in materialized.config.recipes:
        subset = materialized.frame("selected_subset", recipe)
        assert subset.height == materialized.metadata("selected_subset", recipe)["budget"]
        assert not only_there & set(subset["sample_id"])
        assert a not in set(subset["shard"])
    for asset, info in stored.items():
        assert materialized.store.info(NAME, asset, a) == info

    message = failure(materialized.materialize("samples", partitions=[a], succeeds=False))
    assert f"no file of the corpus gives the shard '{a}' any more" in message
    assert materialized.store.info(NAME, "samples", a) == stored["samples"]

    # The file comes back: nothing has to be computed.
    materialized.write("a.jsonl", make_rows(0, 10))
    materialized.materialize("samples", "embeddings", "token_scores", partitions=[a])
    assert materialized.metadata("token_scores", a)["computed"] == 0


def test_scores_of_two_models_are_never_mixed(materialized: Corpus) -> None:
    materialized.configure(scorer={"path": str(materialized.models / "other_lm")})
    b = materialized.shard("b-")
    materialized.materialize("token_scores", partitions=[b])
    for asset, partitions in (("contenders", None), ("selected_subset", ["ifd"])):
        result = materialized.materialize(asset, partitions=partitions, succeeds=False)
        assert "token_scores of 'tiny' mixes scores of 2 configurations" in failure(result)
        assert f"materialize these shards again: {b}" in failure(result)


def test_robust_scores_of_two_thresholds_are_never_mixed(materialized: Corpus) -> None:
    """Shards that were not materialized again must not be ranked by the old threshold."""
    materialized.configure(keep_fraction=0.4)
    materialized.materialize("contenders")
    materialized.materialize("robust_scores", partitions=[materialized.shard("b-")])
    assert materialized.frame("robust_scores")["tau"].n_unique() == 2
    materialized.materialize("selected_subset", partitions=["tshirt"])
    subset = materialized.frame("selected_subset", "tshirt")
    tau = materialized.metadata("contenders")["tau_nats"]
    deltas = pl.concat([materialized.frame("neighbour_deltas", s) for s in materialized.shards])
    noisy = {
        row["sample_id"]: np.reshape(row["deltas"], (row["n_neighbours"], -1))
        for row in deltas.iter_rows(named=True)
    }
    assert subset.height == 4
    for sample_id, mean, std in subset.select("sample_id", "s_ifd_mean", "s_ifd_std").rows():
        values = [oracle.s_ifd(row, tau) for row in noisy[sample_id]]
        assert mean == pytest.approx(np.mean(values), rel=1e-6)
        assert std == pytest.approx(np.std(values), rel=1e-6)


def test_rows_that_left_their_file_are_not_selected_before_it_is_scored_again(
    materialized: Corpus,
) -> None:
    b = materialized.shard("b-")
    old = set(materialized.frame("samples", b)["sample_id"])
    materialized.write("b.jsonl", make_rows(6, 10))
    materialized.materialize("samples", partitions=[b])
    # Perturb again what is still there.
    materialized.configure(robustness={"estimator": "sampled", "neighbours": 2})
    materialized.materialize("contenders", "neighbours")
    materialized.materialize("robust_scores", "miwv_scores")
    materialized.materialize("selected_subset")
    for recipe in materialized.config.recipes:
        subset = materialized.frame("selected_subset", recipe)
        assert subset.height == materialized.metadata("selected_subset", recipe)["budget"] > 0
        assert not old & set(subset["sample_id"])
        assert materialized.metadata("selected_subset", recipe)["usable_rows"] == 20


def test_the_subset_records_the_versions_it_was_made_from(finished: Corpus) -> None:
    info = finished.store.info(NAME, "selected_subset", "tshirt")
    assert info is not None
    inputs = json.loads(info.meta["inputs"])
    assert {"samples", "token_scores", "robust_scores"} <= set(inputs)
    for asset, shards in inputs.items():
        assert sorted(shards) == sorted(finished.shards)
        for shard, recorded in shards.items():
            now = finished.store.info(NAME, asset, shard)
            assert now is not None
            assert recorded["version"] == now.version
            assert recorded["data_version"] == now.meta["data_version"]
