"""Search by vector in a stored table: the index, and the rows nearest to a vector."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa

from tshirt_assets.store.faults import StoreError, retried
from tshirt_assets.store.store import Store

METRIC: Final = "cosine"
VECTORS_PER_CLUSTER: Final = 64  # that clusters are learned from; of Lance's 256 searches gain
ROUNDS: Final = 20  # nothing, nor of its 50 rounds, and both take most of the time


def has_index(store: Store, name: str, column: str) -> bool:
    """True when the present rows of a table have an index on their vectors."""
    table = store.database.open(name)
    if table is None:
        return False
    with store.database.reporting(f"table {name}"):
        return any(column in index.columns for index in table.list_indices())


def build_index(store: Store, name: str, column: str) -> None:
    """Index the vectors of a table: whole vectors in clusters, of which a search visits some.

    Replacing the table drops its index; a search without one compares every row.
    """
    from lancedb.index import IvfFlat

    def build() -> None:
        table = store.database.open(name)
        if table is not None:
            clusters = IvfFlat(
                distance_type=METRIC, sample_rate=VECTORS_PER_CLUSTER, max_iterations=ROUNDS
            )
            table.create_index(column, config=clusters)

    with store.database.reporting(f"table {name}"):
        retried(build)


def nearest_rows(
    store: Store, name: str, column: str, vector: np.ndarray, k: int, columns: Sequence[str]
) -> pa.Table:
    """The `k` rows most similar to `vector` (C,), best first: `columns` and `similarity`.

    Similarity is the cosine. Raises `StoreError` when there is no such table, or the vector has
    another width than those that are stored.
    """
    table = store.database.open(name)
    if table is None:
        raise StoreError(f"{store.database.uri}: there is no table {name}; materialize its asset")
    width = table.schema.field(column).type.list_size
    if vector.shape != (width,):
        raise StoreError(
            f"table {name} holds vectors of {width} numbers, the query has shape {vector.shape}; "
            "use the embedder that the corpus was embedded with"
        )
    with store.database.reporting(f"table {name}"):
        search: Any = table.search(vector, vector_column_name=column)  # typed as its base class
        query = search.distance_type(METRIC)
        found = query.select([*columns, "_distance"]).limit(k).to_arrow()
    similarity = pa.array(1.0 - found["_distance"].to_numpy(), pa.float32())
    return found.drop(["_distance"]).append_column("similarity", similarity)
