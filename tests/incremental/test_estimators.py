"""analytic and hybrid through the whole graph, beside sampled."""

from pathlib import Path

import polars as pl
import pytest

from tests.corpora import NAME, Corpus, make_rows

BOTH = {
    "tshirt": {"method": "tshirt", "budget": 4},
    "fast": {"method": "tshirt", "budget": 4, "estimator": "analytic"},
    "mixed": {"method": "tshirt", "budget": 4, "estimator": "hybrid"},
    "fused": {"method": "fusion", "budget": 4, "fuse": ["tshirt", "fast"]},
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> Corpus:
    """Two scored shards; only the last test changes them."""
    corpus = Corpus(tmp_path_factory.mktemp("estimators") / "corpus", tiny_models)
    # Mild noise: three neighbours then say enough to compare with.
    noise = {"estimator": "sampled", "neighbours": 3, "alpha": 0.5}
    corpus.configure(recipes=BOTH, robustness=noise)
    corpus.write("a.jsonl", make_rows(0, 12))
    corpus.write("b.jsonl", make_rows(1, 12))
    corpus.materialize_all()
    return corpus


def test_every_estimator_measures_the_contenders(corpus: Corpus) -> None:
    contenders = corpus.frame("contenders").filter("contender")
    scores = corpus.frame("robust_scores")
    for estimator, group in scores.group_by("estimator"):
        assert sorted(group["sample_id"]) == sorted(contenders["sample_id"]), estimator
    assert scores["identity"].n_unique() == 1
    ok = scores.filter(pl.col("status") == "ok").pivot(
        "estimator", index="sample_id", values=["s_ifd_mean", "s_ifd_std", "n_neighbours"]
    )
    assert ok["n_neighbours_sampled"].unique().to_list() == [3]
    assert ok["n_neighbours_analytic"].unique().to_list() == [0]
    assert ok["n_neighbours_hybrid"].unique().to_list() == [3]
    for value in ("s_ifd_mean_analytic", "s_ifd_std_analytic", "s_ifd_std_hybrid"):
        assert ok[value].is_finite().all()
    # The same quantity: means that agree far better than the rows differ.
    off = (ok["s_ifd_mean_analytic"] - ok["s_ifd_mean_sampled"]).std()
    assert off < 0.5 * ok["s_ifd_mean_sampled"].std()


def test_each_recipe_selects_by_its_estimator(corpus: Corpus) -> None:
    scores = corpus.frame("robust_scores")
    for recipe, estimator in (("tshirt", "sampled"), ("fast", "analytic"), ("mixed", "hybrid")):
        chosen = corpus.frame("selected_subset", recipe)
        own = scores.filter(pl.col("estimator") == estimator)
        merged = chosen.join(own, on="sample_id", suffix="_own")
        assert merged.height == 4
        assert merged["s_ifd_std"].to_list() == merged["s_ifd_std_own"].to_list()
    assert corpus.frame("selected_subset", "fused").height == 4


def test_selections_say_how_much_of_them_would_stay(corpus: Corpus) -> None:
    said = {r: corpus.metadata("selected_subset", r).get("stability") for r in BOTH}
    assert "different noise seeds" in said["tshirt"]
    assert "many sampled neighbours" in said["fast"]
    assert "many sampled neighbours" in said["mixed"]
    assert said["fused"] is None
    assert all(0 <= int(said[r].split("%")[0]) <= 100 for r in ("tshirt", "fast", "mixed"))


def test_the_pilot_is_an_asset_with_its_constants(corpus: Corpus) -> None:
    pilot = corpus.frame("calibration")
    assert pilot.height == 24  # all rows of so small a corpus
    metadata = corpus.metadata("calibration")
    assert metadata["noise_sd"] > 0
    assert metadata["n_rows"] > 4
    assert "data:image/svg+xml" in metadata["agreement_plot"]
    info = corpus.store.info(NAME, "calibration")
    assert info is not None


def test_nothing_is_measured_twice_and_everything_is_fresh(corpus: Corpus) -> None:
    assert corpus.stale() == {}
    before = corpus.frame("robust_scores")
    corpus.materialize("calibration")
    corpus.materialize("robust_scores")
    assert corpus.metadata("calibration")["computed"] == 0
    assert corpus.computed("robust_scores") == 0
    assert corpus.frame("robust_scores").equals(before)
    assert corpus.stale() == {}


def test_a_recipe_with_another_estimator_adds_only_its_own_work(
    tmp_path: Path, tiny_models: Path
) -> None:
    corpus = Corpus(tmp_path / "corpus", tiny_models)
    corpus.configure(recipes={"fast": BOTH["fast"]})
    corpus.write("a.jsonl", make_rows(0, 12))
    corpus.materialize_all()
    assert corpus.config.neighbours == 0
    assert corpus.store.stored(NAME, "neighbour_deltas") == []
    corpus.configure(recipes={"fast": BOTH["fast"], "mixed": BOTH["mixed"]})
    corpus.materialize("contenders")
    corpus.materialize("calibration")
    assert corpus.metadata("calibration")["computed"] == 0
    before = corpus.frame("robust_scores").drop("identity")
    corpus.materialize("robust_scores")
    after = corpus.frame("robust_scores").drop("identity")
    assert after.filter(pl.col("estimator") == "analytic").equals(before)
    assert after.height == 2 * before.height


def test_a_new_shard_moves_tau_and_selection_goes_on(corpus: Corpus) -> None:
    corpus.write("c.jsonl", make_rows(2, 12))
    corpus.register()
    new = [corpus.shard("c")]
    corpus.materialize("samples", "embeddings", "token_scores", partitions=new)
    corpus.materialize("contenders")
    corpus.materialize("calibration")
    corpus.materialize("robust_scores", partitions=new)
    corpus.materialize("selected_subset", partitions=["fast"])
    assert corpus.frame("selected_subset", "fast").height == 4


def test_too_few_rows_for_a_pilot_are_said_where_people_look(
    tmp_path: Path, tiny_models: Path
) -> None:
    few = Corpus(tmp_path / "corpus", tiny_models)
    few.configure(recipes={"tshirt": {"method": "tshirt", "budget": 2}})
    few.write("a.jsonl", make_rows(0, 3))
    few.register()
    few.materialize("samples", "token_scores")
    few.materialize("contenders", "calibration")
    said = few.metadata("calibration")["not_calibrated"]
    assert said.startswith(
        "3 rows are too few for a pilot: the constants are those of another model"
    )
