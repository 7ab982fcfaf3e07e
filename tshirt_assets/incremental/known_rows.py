"""Reading a file that has changed in a few of its lines: the others are not parsed again.

Beside the file's index lie the hashes of the lines that the stored samples of a shard were read
from. A line that is among them gives the samples that are stored.
"""

import hashlib
import itertools
import json
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import numpy as np
import pyarrow as pa

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.bytestream import LongLine
from tshirt_assets.corpus.file_index import index_folder
from tshirt_assets.corpus.json_lines import Line
from tshirt_assets.corpus.readers import item_samples, read_stable, shard_items
from tshirt_assets.corpus.records import Record
from tshirt_assets.corpus.sample import SAMPLES_SCHEMA, Sample, to_table
from tshirt_assets.corpus.shards import ShardSpec
from tshirt_assets.corpus.status import Status
from tshirt_assets.incremental.catalog import SAMPLES
from tshirt_assets.incremental.soundness import kept_table
from tshirt_assets.incremental.sources import read_with
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo

HASH_BYTES: Final = 16
NO_HASH: Final = bytes(HASH_BYTES)  # of a record that is no line, or says which line it is
OF_ITS_LINE: Final = (Status.UNREADABLE_LINE, Status.FILE_ENDS_EARLY)

_log = logging.getLogger(__name__)


@dataclass
class Reading:
    """The samples of a shard as its file is now, and the hashes of the lines they are read from."""

    table: pa.Table
    version: str
    hashes: list[bytes] = field(default_factory=list)

    def keep(self, info: TableInfo, config: CorpusConfig) -> None:
        """Keep the hashes beside the table that the samples were written to."""
        if all(one == NO_HASH for one in self.hashes):
            return
        head = _head(info, config)
        place = _place(info.shard, config)
        part = place.with_name(f".{place.name}.{uuid4().hex}")
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(head + b"".join(self.hashes))
            part.replace(place)
        except OSError as error:  # a place that cannot be written to costs time, nothing else
            _log.debug(f"{place}: not kept ({error})")
            with suppress(OSError):
                part.unlink()


def read_again(store: Store, spec: ShardSpec, config: CorpusConfig, log: Any) -> Reading:
    """The samples of a shard, read from its file. Raises `CorpusError` as `read_stable` does."""
    known = _known_rows(store, spec, config, log)
    hashes: list[bytes] = []

    def read() -> pa.Table:
        hashes.clear()
        fresh: list[Sample] = []
        rows, stored = [], []
        for row, item in enumerate(shard_items(spec, config)):
            digest = _hash(item)
            at = known.place(digest)
            if at is None:
                samples = item_samples(item, spec, row, config)
                fresh += samples
                if any(sample.status in OF_ITS_LINE for sample in samples):
                    digest = NO_HASH
            else:
                rows.append(row)
                stored.append(at)
            hashes.append(digest)
        return _merged(to_table(fresh), known.table, rows, stored)

    table, version = read_stable(spec, config, read)
    return Reading(table, version, hashes)


@dataclass(frozen=True)
class _Known:
    """Stored samples, and where those of a line begin and end among them."""

    table: pa.Table
    ranges: dict[bytes, tuple[int, int]]

    def place(self, digest: bytes) -> tuple[int, int] | None:
        return None if digest == NO_HASH else self.ranges.get(digest)


def _known_rows(store: Store, spec: ShardSpec, config: CorpusConfig, log: Any) -> _Known:
    nothing = _Known(SAMPLES_SCHEMA.empty_table(), {})
    try:
        kept = _place(spec.key, config).read_bytes()
    except OSError:
        return nothing
    found = kept_table(
        store,
        config.name,
        SAMPLES.name,
        spec.key,
        fits=lambda info: kept.startswith(_head(info, config)),
        schema=SAMPLES_SCHEMA,
        log=log,
    )
    if found is None:
        return nothing
    info, table = found
    body = kept[len(_head(info, config)) :]
    hashes = [body[at : at + HASH_BYTES] for at in range(0, len(body), HASH_BYTES)]
    rows = table["row"].to_numpy()
    ends = np.searchsorted(rows, np.arange(len(hashes) + 1)).tolist()
    if not np.array_equal(np.unique(rows), np.arange(len(hashes))):
        return nothing
    return _Known(table, dict(zip(hashes, itertools.pairwise(ends), strict=True)))


def _merged(
    fresh: pa.Table, stored: pa.Table, rows: list[int], ranges: list[tuple[int, int]]
) -> pa.Table:
    """The fresh samples, and those of these `ranges` among the stored ones as those of `rows`."""
    if not rows:
        return fresh
    counts = np.array([stop - start for start, stop in ranges])
    starts = np.array([start for start, _ in ranges])
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    numbers = pa.array(np.repeat(np.array(rows), counts), pa.int64())
    taken = stored.select(SAMPLES_SCHEMA.names).take(np.repeat(starts, counts) + within)
    taken = taken.set_column(
        taken.schema.get_field_index("row"), SAMPLES_SCHEMA.field("row"), numbers
    )
    both = pa.concat_tables([taken.cast(SAMPLES_SCHEMA), fresh])
    return both.take(np.argsort(both["row"].to_numpy(), kind="stable"))


def _hash(item: Line | Record) -> bytes:
    if isinstance(item, Record) or isinstance(item.data, LongLine):
        return NO_HASH
    return hashlib.blake2b(item.data, digest_size=HASH_BYTES).digest()


def _head(info: TableInfo, config: CorpusConfig) -> bytes:
    """What the hashes belong to: a table, and the way in which lines are read."""
    return json.dumps([info.data_version, read_with(config)]).encode() + b"\n"


def _place(shard: str | None, config: CorpusConfig) -> Path:
    name = hashlib.blake2b(f"{config.name}\0{shard}".encode(), digest_size=16).hexdigest()
    return index_folder(config) / f"{name}.rows"
