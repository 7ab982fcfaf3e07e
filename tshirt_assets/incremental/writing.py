"""Writing tables with their identity and data version, and reading versions back."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

import pyarrow as pa

from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.identity import data_version
from tshirt_assets.incremental.soundness import other_columns, sound_rows
from tshirt_assets.store.faults import DamagedTableError
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo, full_meta


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
    """Replace the stored table of a shard, its rows and what is recorded with them at once.

    A table that holds the same already stays as it is, and keeps its version.
    """
    meta = {"identity": identity, "data_version": data_version(table)}
    meta |= facts.to_meta() if facts else {}
    same = _same_table(store, table, full_meta(corpus, asset, shard, meta))
    return same or store.write(corpus, asset, shard, table, meta)


def _same_table(store: Store, table: pa.Table, meta: Mapping[str, str]) -> TableInfo | None:
    """The stored table, where these are its rows and all that is recorded with them."""
    with suppress(DamagedTableError):
        info = store.info(meta["corpus"], meta["asset"], meta.get("shard"))
        if info is None or not info.sealed or info.meta != meta:
            return None
        stored = sound_rows(store, info)
        if not other_columns(stored.schema, table.schema):
            return info
    return None


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
