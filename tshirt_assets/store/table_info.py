"""One stored table: its name, what is recorded with it, and what its vectors may hold."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tshirt_assets.store.faults import DamagedTableError, StoreError

SCHEMA_VERSION = 1  # of the columns and metadata of all tables; raised when readers must change


@dataclass(frozen=True, slots=True)
class TableInfo:
    """One version of one stored table, without its rows."""

    name: str
    version: int
    rows: int
    meta: dict[str, str]  # what the writer gave, and corpus, asset, shard (if any), schema_version

    @property
    def corpus(self) -> str:
        """The corpus that the table belongs to."""
        return self.meta["corpus"]

    @property
    def asset(self) -> str:
        """The asset whose table it is, or the name of a table that an asset keeps for itself."""
        return self.meta["asset"]

    @property
    def shard(self) -> str | None:
        """The partition whose rows it holds; None for a table over the whole corpus."""
        return self.meta.get("shard")

    @property
    def identity(self) -> str:
        """The score identity of its rows; empty where nothing was scored."""
        return self.meta.get("identity", "")

    @property
    def data_version(self) -> str:
        """Hash of its rows as they were written."""
        return self.meta.get("data_version", "")


def table_name(corpus: str, asset: str, shard: str | None) -> str:
    """`corpus.asset`, or `corpus.asset.slug-hash` for a shard: letters, digits, `_`, `-` and `.`.

    Different shard keys get different names by a 48-bit hash of the key.
    """
    for part in (corpus, asset):
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", part):
            raise StoreError(f"{part!r} cannot name a corpus or asset; use letters, digits and _")
    if shard is None:
        return f"{corpus}.{asset}"
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", shard)[:60].strip("-")
    key = hashlib.blake2b(shard.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return f"{corpus}.{asset}.{slug}-{key}"


def full_meta(
    corpus: str, asset: str, shard: str | None, meta: Mapping[str, str]
) -> dict[str, str]:
    """`meta` with the keys that the store adds to every table."""
    place = {"corpus": corpus, "asset": asset, "schema_version": str(SCHEMA_VERSION)}
    return {**meta, **place, **({} if shard is None else {"shard": shard})}


def read_meta(name: str, schema: pa.Schema) -> dict[str, str]:
    """Metadata of a table with this schema.

    Raises `StoreError` when a newer, or no, package wrote it.
    """
    meta = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
    if "schema_version" not in meta:
        raise DamagedTableError(
            f"table {name} is damaged or was not written by this package; materialize its shard "
            "again, or restore it from a backup"
        )
    version = int(meta["schema_version"])
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"table {name} has schema version {version}, this package reads up to "
            f"{SCHEMA_VERSION}; upgrade tshirt-assets (or use another `store`)"
        )
    return meta


def check_vectors(name: str, table: pa.Table) -> None:
    """Raise `StoreError` when a vector holds NaN or infinity: Lance indexes fail on those."""
    for field, column in zip(table.schema, table.columns, strict=True):
        if not pa.types.is_fixed_size_list(field.type):
            continue
        if not pa.types.is_floating(field.type.value_type):
            continue
        for chunk in column.chunks:
            if not np.isfinite(chunk.flatten().to_numpy(zero_copy_only=False)).all():
                raise StoreError(
                    f"table {name}: column {field.name!r} holds vectors with NaN or infinity; "
                    "give those rows a status and a null vector"
                )
