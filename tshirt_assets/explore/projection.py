"""A map of the embeddings: the two directions in which they spread most (PCA).

The directions are fitted to a sample of bounded size by the exact decomposition of its covariance,
then every row is placed by them, one batch in memory at a time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from tshirt_assets.explore.snapshot import KEY, Snapshot
from tshirt_assets.explore.taking import rows_at
from tshirt_assets.store.frames import to_frame
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo

SAMPLE: Final = 20_000  # vectors that the directions are fitted to


@dataclass(frozen=True, eq=False)
class EmbeddingMap:
    """Where each row lies. columns: map_x and map_y in the order of the snapshot's rows, null
    where a row has no vector. shares: of the variance, along x and along y. fitted: vectors that
    the directions were fitted to. width: numbers of a vector.
    """

    columns: pl.DataFrame
    shares: tuple[float, float]
    fitted: int
    width: int


def embedding_map(
    store: Store, snapshot: Snapshot, tables: Mapping[str, TableInfo]
) -> EmbeddingMap | None:
    """The map of a corpus, from its embeddings by shard; None where no row has a vector."""
    sample = _sample(store, tables)
    if len(sample) < 2:
        return None
    middle = sample.mean(axis=0)
    values, directions = np.linalg.eigh(np.cov((sample - middle).T))
    axes = directions[:, :-3:-1]
    axes = axes * np.where(axes[np.abs(axes).argmax(axis=0), [0, 1]] < 0, -1, 1)  # of two, one
    placed = []
    for shard, info in snapshot.shards.items():
        height = info.rows
        if shard in tables:
            rows = snapshot.frame.slice(snapshot.starts[shard], height).select(KEY)
            placed.append(_placed(store, tables[shard], rows, middle, axes))
        else:
            placed.append(pl.DataFrame(schema=_PLACE).clear(height))
    x, y = (float(values[-1 - axis] / values.sum()) if values.sum() else 0.0 for axis in (0, 1))
    return EmbeddingMap(pl.concat(placed), (x, y), len(sample), sample.shape[1])


def _sample(store: Store, tables: Mapping[str, TableInfo]) -> np.ndarray:
    """About `SAMPLE` vectors, evenly spaced over the rows; float64, for the covariance."""
    step = max(1, -(-sum(info.rows for info in tables.values()) // SAMPLE))
    parts = [
        _vectors(rows_at(store, info, range(0, info.rows, step), ["vector"]))
        for info in tables.values()
    ]
    sample = np.concatenate(parts) if parts else np.empty((0, 2))
    return sample[np.isfinite(sample).all(axis=1)].astype(np.float64)


def _placed(
    store: Store, info: TableInfo, rows: pl.DataFrame, middle: np.ndarray, axes: np.ndarray
) -> pl.DataFrame:
    """The places of a shard's rows; nearly always its vectors are stored in their order."""
    parts = [pl.DataFrame(schema={"sample_id": pl.String, "row": pl.Int32, **_PLACE})]
    for batch in store.batches(
        info.corpus, info.asset, info.shard, columns=[*KEY, "vector"], version=info.version
    ):
        frame = to_frame(pa.Table.from_batches([batch]))
        at = ((_vectors(frame) - middle) @ axes).astype(np.float32)
        places = pl.DataFrame(at, schema=_PLACE, orient="row").fill_nan(None)
        parts.append(frame.select("sample_id", pl.col("row").cast(pl.Int32)).hstack(places))
    found = pl.concat(parts)
    if found.select(KEY).equals(rows):
        return found.select(*_PLACE)
    found = found.unique(KEY, keep="first")
    return rows.join(found, on=KEY, how="left", maintain_order="left").select(*_PLACE)


def _vectors(frame: pl.DataFrame) -> np.ndarray:
    """The column `vector` (n, C); a row without one is NaN."""
    return frame["vector"].to_numpy()


_PLACE: Final = {"map_x": pl.Float32, "map_y": pl.Float32}
