"""Rows that were scored before under the same identity, wherever they are stored."""

from collections.abc import Collection
from contextlib import suppress

import polars as pl
import pyarrow as pa

from tshirt_assets.store.faults import DamagedTableError
from tshirt_assets.store.frames import to_frame, with_ids
from tshirt_assets.store.store import Store


class Reuse:
    """Finds stored rows of an asset by sample id, so that only what is missing is computed.

    It looks at the shard's own table and its unfinished chunks first; only when rows are missing
    there, once per run, at every other table of the asset with the same identity. So renaming or
    splitting files recomputes nothing.
    """

    def __init__(self, store: Store, corpus: str, asset: str, identity: str, schema: pa.Schema):
        self._store = store
        self._place = (corpus, asset)
        self._identity = identity
        self._columns = schema.names
        self._elsewhere: dict[str, str] | None = None  # sample_id -> shard

    def find(self, ids: Collection[str], shard: str | None) -> pl.DataFrame | None:
        """Stored rows with these sample ids, one each; None when there are none."""
        wanted = set(ids)
        found: list[pl.DataFrame] = []

        def keep(table: pa.Table | None) -> None:
            if table is None or table.num_rows == 0:
                return
            frame = to_frame(table).filter(pl.col("sample_id").is_in(list(wanted)))
            frame = frame.unique("sample_id", keep="first", maintain_order=True)
            wanted.difference_update(frame["sample_id"])
            found.append(frame.select(self._columns))

        keep(self._own(shard))
        keep(self._store.staging(*self._place, shard, self._identity).read())
        for other, ids_there in self._by_shard(wanted, shard).items():
            # Since it was listed, the table may have been replaced by another configuration's.
            where = f"identity = '{self._identity}' AND {with_ids(ids_there)}"
            with suppress(DamagedTableError):
                keep(self._store.read(*self._place, other, where=where))
        found = [frame for frame in found if frame.height]
        return pl.concat(found) if found else None

    def _own(self, shard: str | None) -> pa.Table | None:
        """The shard's own table, if it is of this identity; a damaged one is computed again."""
        with suppress(DamagedTableError):
            own = self._store.info(*self._place, shard)
            if own is not None and own.identity == self._identity:
                return self._store.read(*self._place, shard, version=own.version)
        return None

    def _by_shard(self, wanted: set[str], shard: str | None) -> dict[str, list[str]]:
        if not wanted:
            return {}
        if self._elsewhere is None:
            self._elsewhere = self._index()
        grouped: dict[str, list[str]] = {}
        for sample_id in sorted(wanted):
            other = self._elsewhere.get(sample_id)
            if other is not None and other != shard:
                grouped.setdefault(other, []).append(sample_id)
        return grouped

    def _index(self) -> dict[str, str]:
        index: dict[str, str] = {}
        for info in self._store.stored(*self._place):
            shard = info.shard
            if shard is None or info.identity != self._identity:
                continue
            with suppress(DamagedTableError):
                ids = self._store.read(*self._place, shard, columns=["sample_id"])
                index.update((sample_id, shard) for sample_id in ids["sample_id"].to_pylist())
        return index
