"""Rows that were scored before under the same identity, wherever they are stored."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import polars as pl
import pyarrow as pa

from tshirt_assets.incremental.soundness import reusable_rows, sound_chunks
from tshirt_assets.store.faults import DamagedTableError
from tshirt_assets.store.frames import to_frame, with_ids
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo

logger = logging.getLogger(__name__)


class Reuse:
    """Finds stored rows of an asset by sample id, so that only what is missing is computed.

    It looks at the shard's own table and its unfinished chunks first; only when rows are missing
    there, once per run, at every other table of the asset with the same identity. So renaming or
    splitting files recomputes nothing. Rows of a table that is not what was written are not used.
    """

    def __init__(
        self,
        store: Store,
        corpus: str,
        asset: str,
        identity: str,
        schema: pa.Schema,
        log: Any = logger,
    ):
        self._store = store
        self._place = (corpus, asset)
        self._identity, self._schema = identity, schema
        self._log = log
        self._elsewhere: pl.DataFrame | None = None  # sample_id and a shard that has it
        self._sound: dict[str, bool] = {}  # by shard, of the tables looked at so far

    def find(self, ids: Sequence[str], shard: str | None) -> pl.DataFrame | None:
        """Stored rows with these sample ids, one each; None when there are none."""
        wanted = pl.Series("sample_id", ids, pl.String).unique()
        found: list[pl.DataFrame] = []

        def keep(table: pa.Table | None) -> None:
            nonlocal wanted
            if table is None or table.num_rows == 0:
                return
            frame = to_frame(table).filter(pl.col("sample_id").is_in(wanted.implode()))
            frame = frame.unique("sample_id", keep="first", maintain_order=True)
            wanted = wanted.filter(~wanted.is_in(frame["sample_id"].implode()))
            found.append(frame.select(self._schema.names))

        keep(self._rows(shard))
        keep(self._staged(shard))
        for other, ids_there in self._by_shard(wanted, shard).items():
            # Since it was listed, the table may have been replaced by another configuration's.
            where = f"identity = '{self._identity}' AND {with_ids(ids_there)}"
            with suppress(DamagedTableError):
                if self._is_sound(other):
                    keep(self._store.read(*self._place, other, where=where))
        found = [frame for frame in found if frame.height]
        return pl.concat(found) if found else None

    def _rows(self, shard: str | None) -> pa.Table | None:
        """All rows of a shard's table, if it is of this identity and sound."""
        return reusable_rows(
            self._store,
            *self._place,
            shard,
            identity=self._identity,
            schema=self._schema,
            log=self._log,
        )

    def _is_sound(self, shard: str) -> bool:
        """Whether rows of another shard may be taken; its table is read in whole once per run."""
        if shard not in self._sound:
            self._sound[shard] = self._rows(shard) is not None
        return self._sound[shard]

    def _staged(self, shard: str | None) -> pa.Table | None:
        """The rows of the shard's unfinished chunks."""
        staged = self._store.staging(*self._place, shard, self._identity).read()
        return None if staged is None else sound_chunks(staged, self._schema)

    def _by_shard(self, wanted: pl.Series, shard: str | None) -> dict[str, list[str]]:
        if wanted.is_empty():
            return {}
        if self._elsewhere is None:
            self._elsewhere = self._index()
        there = (
            wanted.sort()
            .to_frame()
            .join(self._elsewhere, on="sample_id", how="inner", maintain_order="left")
        )
        groups = there.filter(pl.col("shard").ne_missing(shard)).partition_by("shard", as_dict=True)
        return {str(other): rows["sample_id"].to_list() for (other,), rows in groups.items()}

    def _index(self) -> pl.DataFrame:
        """Which shard has a row, for every id that is stored under this identity."""
        tables = [
            info
            for info in self._store.stored(*self._place)
            if info.shard is not None and info.identity == self._identity
        ]
        parts = [pl.DataFrame(schema={"sample_id": pl.String, "shard": pl.String})]
        for info, rows in zip(tables, self._ids(tables), strict=True):
            if rows is not None:
                parts.append(to_frame(rows).with_columns(shard=pl.lit(info.shard)))
        return pl.concat(parts).unique("sample_id", keep="last")

    def _ids(self, tables: Sequence[TableInfo]) -> list[pa.Table | None]:
        """The ids in each of the tables; None of one that cannot be read."""
        columns = ["sample_id"]
        with suppress(DamagedTableError):
            return [*self._store.read_many(tables, columns=columns)]
        found: list[pa.Table | None] = []
        for info in tables:
            with suppress(DamagedTableError):
                found += self._store.read_many([info], columns=columns)
                continue
            found.append(None)
        return found
