"""Which rows are stored under an identity already, by their ids alone."""

from collections.abc import Collection, Sequence
from contextlib import suppress

import polars as pl

from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.tolerance import KEPT_PILOT, pilot_stays
from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.frames import to_frame
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import STAGING_PREFIX, table_name


class StoredIds:
    """The rows of a corpus's tables that a run would not compute again.

    Tables that cannot be read count as missing. Whether the others are still what was written is
    seen by the run, which reads them in whole.
    """

    def __init__(self, store: Store, corpus: str):
        self.store, self.corpus = store, corpus
        self._names = set(store.database.names())

    def under(
        self,
        asset: str,
        identity: str,
        shards: Collection[str] = (),
        columns: Sequence[str] = ("sample_id",),
    ) -> pl.DataFrame:
        """`columns` of the rows of all tables of `asset` with this identity, each id once.

        shards: those whose finished chunks count, too.
        """
        parts = []
        with suppress(StoreError):
            for info in self.store.stored(self.corpus, asset):
                if info.identity == identity:
                    with suppress(StoreError):
                        parts += self.store.read_many([info], columns=list(columns))
        for shard in shards:
            if STAGING_PREFIX + table_name(self.corpus, asset, shard) not in self._names:
                continue
            with suppress(StoreError):
                staged = self.store.staging(self.corpus, asset, shard, identity).read()
                if staged is not None and set(columns) <= set(staged.column_names):
                    parts.append(staged.select(list(columns)))
        if not parts:
            return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
        found = pl.concat([to_frame(part) for part in parts], how="vertical_relaxed")
        return found.unique("sample_id", keep="first", maintain_order=True)

    def calibration(
        self, identity: str, tau: float | None, present: pl.Series, config: CorpusConfig
    ) -> dict[str, float] | None:
        """The facts of the stored calibration where a run would find or keep the same, else None.

        present: ids of the rows that can be selected.
        """
        with suppress(StoreError, UpstreamError):
            info = self.store.info(self.corpus, "calibration")
            if info is None or info.identity != identity:
                return None
            facts = TableFacts.of(info)
            rows = to_frame(self.store.read(self.corpus, "calibration", columns=["sample_id"]))
            share = KEPT_PILOT if config.tau_tolerance else 1.0
            stays = facts.tau == tau and pilot_stays(rows["sample_id"], present, share)
            return facts.calibration if stays else None
        return None
