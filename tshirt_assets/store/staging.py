"""Chunk checkpoints: the finished chunks of a shard, kept until the whole shard is written."""

import logging
from collections.abc import Mapping

import pyarrow as pa

from tshirt_assets.store.database import Database
from tshirt_assets.store.faults import DamagedTableError
from tshirt_assets.store.table_info import check_vectors, read_meta, sealed

logger = logging.getLogger(__name__)


class Staging:
    """The staging table of one (corpus, asset, shard); no other method of the store shows it.

    `read` once at the start, `append` every finished chunk, write the shard, `clear`. A crash at
    any instant leaves whole chunks only. Keep the rows in memory as well: a second process that
    computes the same shard uses the same table. It clears it when it is done, its rows may be
    there twice (look rows up by `sample_id`), and of two first chunks at once one may go.
    """

    def __init__(self, database: Database, name: str, meta: Mapping[str, str]):
        self._database = database
        self._name = name
        self._meta = dict(meta)

    def __repr__(self) -> str:
        return f"Staging({self._name!r})"

    def append(self, chunk: pa.Table) -> None:
        """Keep `chunk`, all of its rows or none; chunks of another identity are discarded."""
        check_vectors(self._name, chunk)
        self._database.append(self._name, chunk.replace_schema_metadata(sealed(self._meta)))

    def read(self) -> pa.Table | None:
        """All kept rows of this identity in the order of `append`; None when there are none."""
        try:
            table = self._database.open(self._name)
            if table is None or read_meta(self._name, table.schema) != self._meta:
                return None
            with self._database.reading(self._name):
                rows = table.search().to_arrow()
        except DamagedTableError as error:
            # A deletion that was cut short: the chunks are computed again.
            logger.warning("staged chunks are dropped: %s", error)
            self.clear()
            return None
        return rows.replace_schema_metadata(None) if rows.num_rows else None

    def clear(self) -> None:
        """Delete the kept chunks; call it after the shard's table was written."""
        self._database.drop(self._name)
