"""tau: whose quantile it is."""

import numpy as np
import pytest

from tests.corpora import NAME, Corpus
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
