"""Writing tables with their identity and data version, and reading versions back."""

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from tshirt_assets.incremental.identity import data_version
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.store.store import Store, TableInfo


def write_table(
    store: Store,
    binding: Binding,
    asset: str,
    shard: str | None,
    table: pa.Table,
    *,
    identity: str = "",
    **facts: Any,
) -> TableInfo:
    """Replace the stored table of a shard; `facts` go into its metadata as JSON."""
    meta = {"identity": identity, "data_version": data_version(table)}
    meta |= {key: json.dumps(value) for key, value in facts.items()}
    return store.write(binding.name, asset, shard, table, meta)


def read_upstream(
    store: Store, binding: Binding, asset: str, shard: str, columns: Sequence[str] | None = None
) -> tuple[pa.Table, str]:
    """Rows of an upstream asset's shard, and the data version of just these rows.

    Another process may replace the table at any time: what is recorded as the input must be what
    was read.
    """
    info = store.info(binding.name, asset, shard)
    version = info.version if info else None
    table = store.read(binding.name, asset, shard, columns=columns, version=version)
    return table, info.meta.get("data_version", "") if info else ""


def upstream_version(store: Store, binding: Binding, asset: str, shard: str | None = None) -> str:
    """Data version of the stored table of an upstream asset; empty when there is none."""
    info = store.info(binding.name, asset, shard)
    return info.meta.get("data_version", "") if info else ""
