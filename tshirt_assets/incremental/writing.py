"""Writing tables with their identity and data version, and reading versions back."""

from collections.abc import Sequence

import pyarrow as pa

from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.identity import data_version
from tshirt_assets.incremental.soundness import sound_rows
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo


def write_table(
    store: Store,
    corpus: str,
    asset: str,
    shard: str | None,
    table: pa.Table,
    *,
    identity: str = "",
    facts: TableFacts | None = None,
) -> TableInfo:
    """Replace the stored table of a shard, its rows and what is recorded with them at once."""
    meta = {"identity": identity, "data_version": data_version(table)}
    return store.write(corpus, asset, shard, table, meta | (facts.to_meta() if facts else {}))


def needed_table(store: Store, corpus: str, asset: str) -> TableInfo:
    """The table of an asset over the whole corpus. Raises `UpstreamError` where there is none."""
    info = store.info(corpus, asset)
    if info is None:
        raise UpstreamError(
            f"there is no table of {asset} for {corpus!r}; materialize {asset} first"
        )
    return info


def read_upstream(
    store: Store, corpus: str, asset: str, shard: str, columns: Sequence[str] | None = None
) -> tuple[pa.Table, str]:
    """Rows of an upstream asset's shard, and the data version of just these rows.

    Another process may replace the table at any time: what is recorded as the input must be what
    was read. Of a table that is read in whole, `DamagedTableError` when it is not what was written.
    """
    info = store.info(corpus, asset, shard)
    if info is not None and columns is None:
        return sound_rows(store, info), info.data_version
    version = info.version if info else None
    table = store.read(corpus, asset, shard, columns=columns, version=version)
    return table, info.data_version if info else ""


def upstream_version(store: Store, corpus: str, asset: str, shard: str | None = None) -> str:
    """Data version of the stored table of an upstream asset; empty where there is none."""
    info = store.info(corpus, asset, shard)
    return info.data_version if info else ""
