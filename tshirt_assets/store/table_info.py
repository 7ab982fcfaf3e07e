"""One stored table: its name, what is recorded with it, and what its vectors may hold."""

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tshirt_assets.store.faults import DamagedTableError, StoreError

SCHEMA_VERSION = 1  # of the columns and metadata of all tables; raised when readers must change
STAGING_PREFIX = "_staging."  # corpus names start with a letter
SEAL = "seal"  # key in the metadata of a table: a hash of all else in it


class NewerTableError(StoreError):
    """A table that a newer version of this package wrote: it is neither read nor replaced."""


@dataclass(frozen=True, slots=True)
class TableInfo:
    """One version of one stored table, without its rows."""

    name: str
    version: int
    rows: int
    meta: dict[str, str]  # what the writer gave, and corpus, asset, shard (if any), schema_version
    sealed: bool = True  # False for tables of earlier versions: `meta` could have been changed

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


def sealed(meta: Mapping[str, str]) -> dict[str, str]:
    """`meta` with a hash of it, by which `read_meta` sees that it was changed afterwards."""
    return {**meta, SEAL: _seal(meta)}


def _seal(meta: Mapping[str, str]) -> str:
    text = json.dumps(meta, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def table_at(name: str, version: int, rows: int, schema: pa.Schema) -> TableInfo:
    """One version of a table as it is stored. Raises what `read_meta` does."""
    return TableInfo(name, version, rows, read_meta(name, schema), _has_seal(schema))


def same_meta(one: pa.Schema, other: pa.Schema) -> bool:
    """True when two tables were written with the same metadata, sealed or not."""
    plain = ({**(schema.metadata or {}), SEAL.encode(): b""} for schema in (one, other))
    return next(plain) == next(plain)


def _has_seal(schema: pa.Schema) -> bool:
    return SEAL.encode() in (schema.metadata or {})


def read_meta(name: str, schema: pa.Schema) -> dict[str, str]:
    """Metadata of the table `name`, which has this schema, without its seal.

    Raises `DamagedTableError` when this package did not write it, or it was changed since;
    `NewerTableError` when a newer package wrote it.
    """
    try:
        meta = {key.decode(): value.decode() for key, value in (schema.metadata or {}).items()}
        version = int(meta["schema_version"])
    except (ValueError, KeyError):  # text that is no text or no number, or is not there
        raise _foreign(name) from None
    if version > SCHEMA_VERSION:
        raise NewerTableError(
            f"table {name} has schema version {version}, this package reads up to "
            f"{SCHEMA_VERSION}; upgrade tshirt-assets (or use another `store`)"
        )
    if not {"corpus", "asset"} <= meta.keys():
        raise _foreign(name)
    seal = meta.pop(SEAL, None)
    if seal not in (None, _seal(meta)):
        raise DamagedTableError(
            f"table {name}: what was recorded with it has been changed; materialize it again"
        )
    return meta


def _foreign(name: str) -> DamagedTableError:
    return DamagedTableError(
        f"table {name} is damaged or was not written by this package; materialize its shard "
        "again, or restore it from a backup"
    )


def misplaced(info: TableInfo) -> str | None:
    """What a table holds that is not stored under its own name; None for one that is."""
    with suppress(StoreError):  # metadata that is not ours gives no name
        if info.name == table_name(info.corpus, info.asset, info.shard):
            return None
    return f"holds {info.asset}" + (f" of shard {info.shard}" if info.shard is not None else "")


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
