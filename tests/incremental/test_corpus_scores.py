"""The reference recipe against the published procedure, done by hand over all perturbed rows."""

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests import oracle
from tests.corpora import Corpus

RECIPES = {
    "published": {"method": "reference", "budget": 5, "gamma": 2.0},
    "ours": {"method": "tshirt", "budget": 5, "gamma": 2.0},
}


@pytest.fixture(scope="module")
def perturbed(
    finished: Corpus, tmp_path_factory: pytest.TempPathFactory, tiny_models: Path
) -> Corpus:
    """The finished corpus with a reference recipe."""
    folder = tmp_path_factory.mktemp("reference") / "corpus"
    shutil.copytree(finished.folder, folder)
    corpus = Corpus(folder, tiny_models)
    corpus.configure(recipes=RECIPES, keep_fraction=0.6)
    corpus.materialize("contenders")
    corpus.materialize("robust_scores")
    corpus.materialize("selected_subset")
    return corpus


def noisy_rows(corpus: Corpus) -> dict[str, np.ndarray]:
    """Perturbed deltas (M, tokens) of every row, by sample id."""
    deltas = pl.concat([corpus.frame("neighbour_deltas", shard) for shard in corpus.shards])
    return {
        row["sample_id"]: np.reshape(row["deltas"], (row["n_neighbours"], -1))
        for row in deltas.iter_rows(named=True)
    }


def test_every_row_is_perturbed(perturbed: Corpus) -> None:
    ok = perturbed.frame("token_scores").filter(pl.col("status") == "ok")
    robust = perturbed.frame("robust_scores")
    assert robust.height == ok.height == 32
    assert sorted(robust["sample_id"]) == sorted(ok["sample_id"])
    assert (robust["n_neighbours"] == 3).all()


def tau_of(corpus: Corpus, recipe: str) -> float:
    """The threshold of a subset, as the UI shows it."""
    return float(corpus.metadata("selected_subset", recipe)["provenance"]["tau"])


def test_tau_is_pooled_from_the_perturbed_rows(perturbed: Corpus) -> None:
    # Duplicates are rows of the corpus, and of the pool, like any other.
    deltas = pl.concat([perturbed.frame("neighbour_deltas", s) for s in perturbed.shards])
    pooled = np.abs(np.concatenate([row.to_numpy() for row in deltas["deltas"]]).astype(float))
    tau = tau_of(perturbed, "published")
    assert tau == pytest.approx(np.quantile(pooled, 0.4), rel=1e-12)
    clean_tau = perturbed.metadata("contenders")["tau_nats"]
    assert tau_of(perturbed, "ours") == clean_tau != tau


def test_the_selection_is_that_of_the_published_procedure(perturbed: Corpus) -> None:
    tau = tau_of(perturbed, "published")
    mean_ifd = dict(perturbed.frame("robust_scores").select("sample_id", "ifd_mean").rows())
    scores = []
    for sample_id, noisy in noisy_rows(perturbed).items():
        values = [v for row in noisy if (v := oracle.s_ifd(row, tau)) is not None]
        if len(values) >= 2 and mean_ifd[sample_id] < 1:
            scores.append((np.mean(values), np.std(values), sample_id))
    assert len(scores) > 10
    pool = sorted(scores, key=lambda row: -row[0])[:10]  # gamma * b of the highest mean
    chosen = sorted(pool, key=lambda row: row[1])[:5]  # b of the lowest std
    subset = perturbed.frame("selected_subset", "published")
    assert subset["sample_id"].to_list() == [sample_id for _, _, sample_id in chosen]
    assert subset["s_ifd_mean"].to_list() == pytest.approx([row[0] for row in chosen], rel=1e-6)
    assert subset["s_ifd_std"].to_list() == pytest.approx([row[1] for row in chosen], rel=1e-5)


def test_perturbed_rows_are_shared_by_both_thresholds(perturbed: Corpus) -> None:
    """The recipe with the clean tau ranks the same perturbed rows by another threshold."""
    tau = perturbed.metadata("contenders")["tau_nats"]
    for row in perturbed.frame("selected_subset", "ours").iter_rows(named=True):
        values = [oracle.s_ifd(noisy, tau) for noisy in noisy_rows(perturbed)[row["sample_id"]]]
        assert row["s_ifd_mean"] == pytest.approx(np.mean(values), rel=1e-6)
