"""tau: whose quantile it is, and when it is looked for."""

import numpy as np
import pytest

from tests.corpora import NAME, Corpus, make_rows
from tshirt_assets.assets import contenders
from tshirt_assets.assets.contenders import find_tau
from tshirt_assets.incremental.dataset import Dataset
from tshirt_assets.incremental.writing import write_table


def scored(corpus: Corpus) -> Dataset:
    infos = {info.shard: info for info in corpus.store.stored(NAME, "token_scores")}
    return Dataset(corpus.store, NAME, "token_scores", infos, [], [])


def test_exact_duplicates_count_once(materialized: Corpus) -> None:
    """The last row of the corpus 40 times more, in a shard of its own, moves nothing."""
    dataset = scored(materialized)
    rows = materialized.frame("token_scores").filter(status="ok").unique("sample_id", keep="first")
    pooled = np.abs(np.concatenate(rows["token_delta"].to_list()).astype(np.float64))
    keep = materialized.config.keep_fraction
    assert find_tau(dataset, keep) == pytest.approx(np.quantile(pooled, 1 - keep), rel=1e-12)

    copies = (
        rows.tail(1)
        .sample(40, with_replacement=True)
        .to_arrow()
        .cast(materialized.store.read(NAME, "token_scores", materialized.shards[0]).schema)
    )
    info = write_table(materialized.store, NAME, "token_scores", "copies", copies)
    with_copies = Dataset(
        materialized.store, NAME, "token_scores", {**dataset.tables, "copies": info}, [], []
    )
    assert find_tau(with_copies, keep) == find_tau(dataset, keep)


def test_another_budget_looks_for_no_tau_and_gives_what_a_new_start_would(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    robust = {"method": "tshirt", "budget": 1}
    corpus.write("d.jsonl", make_rows(5, 40))
    corpus.configure(recipes={"tshirt": robust}, robustness={"neighbours": 2, "margin": 1.0})
    corpus.register()
    made = ("samples", "token_scores", "contenders")
    for asset in made:
        corpus.materialize(asset)
    few = corpus.frame("contenders")["contender"].sum()
    corpus.configure(recipes={"tshirt": robust | {"budget": 6}})

    with monkeypatch.context() as known:
        known.setattr(contenders, "find_tau", None)
        known.setattr(contenders, "clean_s_ifd", None)
        corpus.materialize("contenders")
    found, info = corpus.frame("contenders"), corpus.store.info(NAME, "contenders")
    assert found["contender"].sum() > few

    corpus.configure(store="store-of-a-new-start")
    for asset in made:
        corpus.materialize(asset)
    assert found.equals(corpus.frame("contenders"))
    fresh = corpus.store.info(NAME, "contenders")
    assert info is not None
    assert fresh is not None
    assert info.meta == fresh.meta
