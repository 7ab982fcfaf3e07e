"""Whether stored rows are still those that were written; those that are not are computed again."""

import uuid
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.identity import data_version
from tshirt_assets.store.faults import DamagedTableError
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo

CHUNK = "chunk"  # column of staged rows: the version of the rows of one chunk, and a number for it


def sound_rows(store: Store, info: TableInfo) -> pa.Table:
    """All rows of a stored table, read in whole and compared with its recorded data version.

    Costs a hash of every value. Raises `DamagedTableError` when they are not what was written.
    """
    rows = store.read(info.corpus, info.asset, info.shard, version=info.version)
    if data_version(rows) != info.data_version:
        raise DamagedTableError(
            f"table {info.name}: its rows have changed since they were written; materialize it "
            "again"
        )
    return rows


def reusable_rows(
    store: Store,
    corpus: str,
    asset: str,
    shard: str | None,
    *,
    identity: str,
    schema: pa.Schema,
    log: Any,
) -> pa.Table | None:
    """The rows of a table if they are of this identity, sound, and have the columns of `schema`.

    A damaged table counts as missing, and is said to in one warning.
    """
    kept = kept_table(
        store,
        corpus,
        asset,
        shard,
        fits=lambda info: info.identity == identity,
        schema=schema,
        log=log,
    )
    return None if kept is None else kept[1]


def kept_table(
    store: Store,
    corpus: str,
    asset: str,
    shard: str | None,
    *,
    fits: Callable[[TableInfo], bool],
    schema: pa.Schema,
    log: Any,
) -> tuple[TableInfo, pa.Table] | None:
    """A table and its rows if it `fits`, and they are sound and have the columns of `schema`.

    `fits` may raise `UpstreamError`: what is recorded with the table cannot be read then.
    """
    try:
        info = store.info(corpus, asset, shard)
        if info is None or not fits(info):
            return None
        rows = sound_rows(store, info)
    except (DamagedTableError, UpstreamError) as error:
        log.warning(f"{error}: not reused, but computed again")
        return None
    wrong = other_columns(rows.schema, schema)
    if wrong:
        log.warning(f"table {info.name} {wrong}: not reused, but computed again")
        return None
    return info, rows


def other_columns(found: pa.Schema, expected: pa.Schema) -> str | None:
    """What is wrong with the columns of a table, in words; None where all expected are there."""
    for field in expected:
        if field.name not in found.names:
            return f"lacks the column {field.name}"
        kind = found.field(field.name).type
        if kind != field.type and (kind, field.type) != (pa.large_string(), pa.string()):
            return f"has {kind} in the column {field.name}, which holds {field.type}"
    return None


def numbered_chunk(chunk: pa.Table) -> pa.Table:
    """A finished chunk with what `sound_chunks` will tell its rows by."""
    version = f"{data_version(chunk)}-{uuid.uuid4().hex[:8]}"
    return chunk.append_column(CHUNK, pa.array([version] * chunk.num_rows, pa.string()))


def sound_chunks(staged: pa.Table, schema: pa.Schema) -> pa.Table | None:
    """The staged rows of those chunks that are what was written, in the columns of `schema`.

    Chunks of earlier versions say nothing of that and are taken as they are. None where the rows
    have other columns.
    """
    if other_columns(staged.schema, schema):
        return None
    rows = staged.select(schema.names)
    if CHUNK not in staged.column_names:
        return rows
    parts = []
    for version in pc.unique(staged[CHUNK]).drop_null().to_pylist():
        part = rows.filter(pc.equal(staged[CHUNK], version))
        if data_version(part) == version.partition("-")[0]:
            parts.append(part)
    return pa.concat_tables(parts) if parts else None
