"""The whole graph over a small corpus: what every asset stores and says about it.

Expected scores come from `tests.oracle` and from the texts, not from the package.
"""

import json
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest
import torch

from tests import oracle
from tests.corpora import ASSETS, NAME, SCORED, SHARD_WISE, Corpus
from tshirt_assets.scoring.kernel.noise import CounterNoise, noise_key, noise_scale

GOOD, BAD = 32, 2  # rows by status; two of the good ones are duplicates of others


@pytest.fixture(scope="module")
def lm(tiny_models: Path) -> torch.nn.Module:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(tiny_models / "lm", dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def token_ids(tiny_models: Path):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_models / "lm")
    return lambda text: tokenizer.encode(text, add_special_tokens=False)


def texts(corpus: Corpus) -> dict[str, tuple[str, str]]:
    """Plain prompt and response of every good row, by sample id, from the files."""
    samples = corpus.frame("samples").filter(pl.col("status") == "ok")
    found = {}
    for sample_id, shard, number in samples.select("sample_id", "shard", "row").iter_rows():
        row = json.loads(corpus.lines(f"{shard[0]}.jsonl")[number])
        prompt = row["instruction"] + "\n" + (row["input"] + "\n" if row.get("input") else "")
        found[sample_id] = prompt, row["output"]
    return found


def test_every_row_is_carried_to_every_shard_wise_table_in_order(finished: Corpus) -> None:
    for shard in finished.shards:
        rows = 14 if shard.startswith("c-") else 10
        for asset in ("samples", "embeddings", "token_scores", "miwv_scores"):
            stored = finished.store.read(NAME, asset, shard)
            assert stored["row"].to_pylist() == list(range(rows)), (asset, shard)
            assert set(stored["shard"].to_pylist()) == {shard}
    ids = finished.frame("samples")["sample_id"]
    for asset in ("embeddings", "token_scores", "miwv_scores"):
        assert finished.frame(asset)["sample_id"].equals(ids)
    assert finished.frame("contenders").height == GOOD + BAD


def test_bad_rows_keep_their_status_and_have_no_scores(finished: Corpus) -> None:
    statuses = finished.frame("samples").filter(pl.col("status") != "ok")["status"].to_list()
    assert sorted(statuses) == ["empty_response", "unreadable_line"]
    columns = {"embeddings": "vector", "token_scores": "ifd", "miwv_scores": "miwv"}
    for asset, column in columns.items():
        bad = finished.frame(asset).filter(pl.col("status") != "ok")
        assert sorted(bad["status"]) == sorted(statuses)
        assert bad[column].null_count() == BAD
        assert bad["status_detail"].null_count() == 0


def test_clean_scores_equal_the_oracle(finished: Corpus, lm, token_ids) -> None:
    wording = texts(finished)
    scores = finished.frame("token_scores").filter(pl.col("status") == "ok")
    for row in scores.sample(6, seed=1).iter_rows(named=True):
        prompt, response = (token_ids(text) for text in wording[row["sample_id"]])
        cond, uncond = oracle.both_passes(lm, prompt, response, has_bos=False)
        assert row["n_prompt_tokens"] == len(prompt)
        assert row["n_response_tokens"] == len(response)
        assert row["cond_nll"] == pytest.approx(np.mean(cond), abs=1e-5)
        assert row["uncond_nll"] == pytest.approx(np.mean(uncond), abs=1e-5)
        assert row["ifd"] == pytest.approx(oracle.ifd(cond, uncond), rel=1e-4)
        assert row["token_delta"] == pytest.approx(oracle.deltas(cond, uncond), abs=1e-4)


def test_tau_is_the_quantile_over_distinct_rows_and_s_ifd_follows(finished: Corpus) -> None:
    scores = finished.frame("token_scores").filter(pl.col("status") == "ok").unique("sample_id")
    deltas = np.abs(np.concatenate([row.to_numpy() for row in scores["token_delta"]]))
    contenders = finished.frame("contenders")
    tau = contenders["tau"][0]
    assert tau == pytest.approx(np.quantile(deltas.astype(float), 0.25), rel=1e-12)
    clean = dict(contenders.select("sample_id", "s_ifd").iter_rows())
    for sample_id, row in scores.select("sample_id", "token_delta").iter_rows():
        assert clean[sample_id] == pytest.approx(oracle.s_ifd(row, tau), rel=1e-6)
    assert finished.metadata("contenders")["tau_nats"] == tau


def test_contenders_are_the_best_rows_with_a_helpful_instruction(finished: Corpus) -> None:
    contenders = finished.frame("contenders")
    can_win = contenders.filter(pl.col("ifd") < 1).unique("sample_id")
    # margin * gamma * b and the spare ones
    best = can_win.sort("s_ifd", descending=True).head(int(1.5 * 2 * 4) + 16)
    marked = contenders.filter("contender")
    assert set(best["sample_id"]) <= set(marked["sample_id"])
    # Rows just above 1 may join: their noisy mean can still fall below.
    assert (marked["ifd"] < 1.05).all()
    assert marked["s_ifd"].min() >= best["s_ifd"].min()
    robust = finished.frame("robust_scores")
    assert sorted(robust["sample_id"]) == sorted(marked["sample_id"])


def test_robust_scores_equal_the_oracle(finished: Corpus, lm, token_ids) -> None:
    wording = texts(finished)
    robust = finished.frame("robust_scores").filter(pl.col("status") == "ok")
    assert robust.height >= 8
    for row in robust.sample(3, seed=1).iter_rows(named=True):
        prompt, response = (token_ids(text) for text in wording[row["sample_id"]])
        length = len(prompt) + len(response)
        eps = noise_scale(5.0, length, 32)
        fields = [
            CounterNoise(noise_key(42, row["sample_id"], n), eps, np.arange(length))
            .values(32, torch.device("cpu"))
            .numpy()
            for n in range(3)
        ]
        mean, std, ratio, used = oracle.robust(lm, prompt, response, False, fields, row["tau"])
        assert row["s_ifd_mean"] == pytest.approx(mean, rel=1e-4)
        assert row["s_ifd_std"] == pytest.approx(std, rel=1e-3, abs=1e-5)
        assert row["ifd_mean"] == pytest.approx(ratio, rel=1e-4)
        assert row["n_neighbours"] == used


def test_neighbours_equal_a_brute_force_search(finished: Corpus, tiny_models: Path) -> None:
    from sentence_transformers import SentenceTransformer

    wording = texts(finished)
    ids = sorted(wording)
    model = SentenceTransformer(str(tiny_models / "embedder"), device="cpu")
    vectors = model.encode([wording[i][0].strip() for i in ids], normalize_embeddings=True)
    cosines = vectors.astype(float) @ vectors.astype(float).T
    np.fill_diagonal(cosines, -2)
    nearest = dict(finished.frame("neighbours").select("sample_id", "similarity").iter_rows())
    assert sorted(nearest) == ids
    assert [nearest[i] for i in ids] == pytest.approx(cosines.max(axis=1).tolist(), abs=1e-5)
    place = {sample_id: number for number, sample_id in enumerate(ids)}
    for row in finished.frame("neighbours").iter_rows(named=True):
        found = cosines[place[row["sample_id"]], place[row["neighbour_id"]]]
        assert found == pytest.approx(row["similarity"], abs=1e-5)
        held = finished.store.read(NAME, "samples", row["neighbour_shard"], columns=["sample_id"])
        assert row["neighbour_id"] in held["sample_id"].to_pylist()


def test_miwv_equals_the_oracle(finished: Corpus, lm, token_ids) -> None:
    wording = texts(finished)
    scores = finished.frame("miwv_scores").filter(pl.col("status") == "ok")
    demo_of = dict(finished.frame("neighbours").select("sample_id", "neighbour_id").iter_rows())
    for row in scores.sample(5, seed=1).iter_rows(named=True):
        assert row["neighbour_id"] == demo_of[row["sample_id"]]
        prompt, response = wording[row["sample_id"]]
        demo_prompt, demo_response = wording[row["neighbour_id"]]
        own = token_ids(prompt)
        one_shot = [*token_ids(demo_prompt + demo_response + "\n\n"), *own]
        expected = oracle.miwv(lm, one_shot, own, token_ids(response))
        assert row["miwv"] == pytest.approx(expected, abs=1e-4)
        assert row["miwv"] == pytest.approx(row["one_shot_nll"] - row["zero_shot_nll"], abs=1e-9)


def test_duplicates_have_equal_scores_wherever_they_lie(finished: Corpus) -> None:
    for asset, column in (("token_scores", "ifd"), ("miwv_scores", "miwv")):
        scores = finished.frame(asset)
        repeated = scores.filter(pl.col("sample_id").is_duplicated())
        assert repeated.height == 4
        assert (repeated.group_by("sample_id").agg(pl.col(column).n_unique())[column] == 1).all()


def test_selections_follow_their_scores(finished: Corpus) -> None:
    def chosen(recipe: str) -> list[str]:
        return finished.store.read(NAME, "selected_subset", recipe)["sample_id"].to_pylist()

    usable = finished.frame("token_scores").filter(pl.col("status") == "ok").unique("sample_id")
    assert usable.height == 30
    best = usable.filter(pl.col("ifd") < 1).sort("ifd", "sample_id", descending=[True, False])
    assert chosen("ifd") == best["sample_id"].head(4).to_list()

    miwv = finished.frame("miwv_scores").filter(pl.col("status") == "ok").unique("sample_id")
    order = miwv.sort("miwv", "sample_id", descending=[True, False])
    assert chosen("miwv") == order["sample_id"].head(6).to_list()  # a fifth of 30

    robust = finished.frame("robust_scores").filter(
        (pl.col("status") == "ok") & (pl.col("ifd_mean") < 1)
    )
    pool = robust.sort("s_ifd_mean", "sample_id", descending=[True, False]).head(8)
    assert chosen("tshirt") == pool.sort("s_ifd_std", "sample_id")["sample_id"].head(4).to_list()
    assert len(set(chosen("random"))) == 5


def test_exports_hold_the_selected_rows(finished: Corpus) -> None:
    wording = texts(finished)
    for recipe, budget in {"tshirt": 4, "miwv": 6}.items():
        folder = Path(finished.metadata("selected_subset", recipe)["exports"])
        exported = pl.read_parquet(next(folder.glob("*.parquet")))
        subset = finished.store.read(NAME, "selected_subset", recipe)
        assert exported["sample_id"].to_list() == subset["sample_id"].to_pylist()
        assert exported.height == budget
        answers = [messages[-1]["content"] for messages in exported["messages"]]
        assert answers == [wording[i][1] for i in exported["sample_id"]]


def test_every_materialization_describes_itself(finished: Corpus) -> None:
    for asset in ASSETS:
        partitions: list[str | None] = [None]
        if asset in SHARD_WISE:
            partitions = [*finished.shards]
        if asset == "selected_subset":
            partitions = [*finished.config.recipes]
        for partition in partitions:
            metadata = finished.metadata(asset, partition)
            info = finished.store.info(NAME, asset, partition)
            assert info is not None
            assert metadata["table"] == info.name
            assert metadata["table_version"] == info.version
            assert metadata["dagster/row_count"] == info.rows
            assert metadata["first_rows"].startswith("| ")
            assert finished.version(asset, partition) == info.meta["data_version"]
            if asset in SCORED:
                assert metadata["identity"] == info.meta["identity"]
                assert metadata["seconds"] > 0
    for asset in SCORED:
        assert finished.computed(asset) + finished.reused(asset) == (
            finished.frame(asset).filter(pl.col("status") == "ok").height
            - (asset != "robust_scores")  # a row that is twice in its shard is scored once
        )
    c = finished.shard("c-")
    counts = {"ok": 12, "empty_response": 1, "unreadable_line": 1}
    for asset in ("samples", "embeddings", "token_scores", "miwv_scores"):
        assert finished.metadata(asset, c)["rows_by_status"] == counts
    assert finished.metadata("token_scores", c)["tokens_per_second"] > 0
    assert finished.metadata("token_scores", c)["ifd_plot"].startswith("![IFD")
    assert finished.metadata("robust_scores", c)["neighbours"] == 3
    provenance = finished.metadata("selected_subset", "tshirt")["provenance"]
    assert float(provenance["tau"]) == finished.metadata("contenders")["tau_nats"]
    assert provenance["seed"] == "42"
    assert finished.metadata("selected_subset", "tshirt")["usable_rows"] == 30


def test_identities_are_on_every_scored_row(finished: Corpus) -> None:
    for asset in SCORED:
        identities = finished.frame(asset)["identity"].unique().to_list()
        info = finished.store.info(NAME, asset, finished.shards[0])
        assert info is not None
        assert identities == [info.meta["identity"]]
        assert len(identities[0]) == 16


def test_checks_pass_and_warn_where_they_should(finished: Corpus) -> None:
    graph = finished.defs.resolve_asset_graph()
    # The search table is not among ASSETS; it has tests of its own. No recipe needs relevance.
    others = ("search", "relevance")
    keys = [key for key in graph.asset_check_keys if key.asset_key.path[-1] not in others]
    records = finished.instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    found = {}
    for key, record in records.items():
        assert record.event is not None
        evaluation = record.event.dagster_event.asset_check_evaluation_data
        found[f"{key.asset_key.path[-1]}.{key.name}"] = evaluation
    assert len(found) == len(keys) >= 18
    failed = {name: check for name, check in found.items() if not check.passed}
    # 2 of 14 rows of a shard are bad, which is more than max_bad_share. Whether random weights
    # follow instructions is chance.
    failed.pop("token_scores.instruction_helps", None)
    assert set(failed) == {
        f"{asset}.rows_usable" for asset in ("samples", "token_scores", "miwv_scores")
    }
    for check in failed.values():
        assert check.severity is dg.AssetCheckSeverity.WARN
        assert "2 of 14 rows not ok" in check.description


def test_the_graph_shows_kinds_groups_columns_and_descriptions(finished: Corpus) -> None:
    graph = finished.defs.resolve_asset_graph()
    for asset in ASSETS:
        node = graph.get(finished.key(asset))
        assert node.description
        assert node.group_name == NAME
        assert {"dagster/kind/lancedb"} <= set(node.tags)
        assert node.code_version
    columns = graph.get(finished.key("token_scores")).metadata["dagster/column_schema"].columns
    stored = finished.frame("token_scores")
    assert [column.name for column in columns] == stored.columns
    assert all(column.description for column in columns)
