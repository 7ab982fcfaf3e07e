"""Semantic search over a whole corpus, for people who look at their data."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.store.frames import to_frame

COLUMNS = ("sample_id", "shard", "row", "instruction", "input", "response", "domain")


def search(
    store: str,
    corpus: str,
    query: str | Sequence[float] | np.ndarray,
    k: int = 10,
    *,
    storage_options: Mapping[str, str] | None = None,
) -> pl.DataFrame:
    """The `k` rows of a corpus whose instruction and input are most similar to a query.

    `store` is the folder or URI of the option `store`. `query` is a text, embedded by the model
    that embedded the corpus, or a vector of that model's width. Returns sample_id, shard, row,
    instruction, input, response, domain and similarity (cosine), best first.

    Raises `StoreError` when the corpus's `search` was never materialized or the vector has another
    width; `ModelError` when the embedder cannot be loaded or is no longer the same.
    """
    from tshirt_assets.store.faults import StoreError
    from tshirt_assets.store.store import Store
    from tshirt_assets.store.table_info import table_name
    from tshirt_assets.store.vector_search import nearest_rows

    if k < 1:
        raise ValueError(f"k={k}: at least one row must be asked for")
    opened = Store(store, storage_options)
    info = opened.info(corpus, "search")
    if info is None:
        raise StoreError(
            f"{store}: {corpus!r} has no search table; materialize its asset `search` (a run does "
            "with `semantic_search: true`)"
        )
    if isinstance(query, str):
        facts = TableFacts.of(info)
        vector = embed(query, facts.embedder or {}, facts.fingerprint or "")
    else:
        vector = np.asarray(query, np.float32)
    name = table_name(corpus, "search", None)
    return to_frame(nearest_rows(opened, name, "vector", vector, k, COLUMNS))


def embed(text: str, options: Mapping[str, Any], fingerprint: str) -> np.ndarray:
    """The vector (C,) of a text under the model that a table was made with."""
    from tshirt_assets.config import EmbedderOptions
    from tshirt_assets.models.embedder import load_embedder
    from tshirt_assets.models.model_files import ModelError

    embedder = load_embedder(EmbedderOptions.model_validate(options))
    if embedder.fingerprint != fingerprint:
        raise ModelError(
            f"embedder {options['path']!r} is not the model that the corpus was embedded with; "
            "materialize embeddings and search again, or search by a vector"
        )
    return embedder.encode([text])[0]
