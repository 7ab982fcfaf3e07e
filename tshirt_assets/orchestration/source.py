"""Where the samples of a shard are read from: a file, or an asset upstream."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import dagster as dg
import pyarrow as pa

from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.readers import file_version
from tshirt_assets.corpus.rows import samples_of
from tshirt_assets.corpus.sample import Sample, to_table
from tshirt_assets.corpus.shards import ShardSpec, discover_shards
from tshirt_assets.corpus.tables import in_memory, table_records, used_up
from tshirt_assets.incremental.catalog import FILES, SOURCE, UPSTREAM
from tshirt_assets.incremental.known_rows import Reading, read_again
from tshirt_assets.orchestration.asset_run import Run
from tshirt_assets.orchestration.upstream import Upstream, as_dagster_has_it

CHUNK: Final = 10_000  # samples that are held as objects at a time
MANY: Final = 500_000  # rows of one shard, or in memory at once, of which a warning tells


@dataclass(frozen=True)
class Source:
    """Where shards are read from. All of it raises `CorpusError` for what is gone or unreadable.

    find: the place of a shard, by its key. version: of what a shard is read from, now. read: the
    samples of a shard, with the version that they are of. inputs: what Dagster is told of a
    version, by the name of the input. metadata: where a shard comes from.
    """

    find: Callable[[str], ShardSpec]
    version: Callable[[ShardSpec], str]
    read: Callable[[ShardSpec], Reading]
    inputs: Callable[[str], dict[str, str]]
    metadata: Callable[[ShardSpec], dict[str, Any]]


def source_of(run: Run) -> Source:
    """The source that the configuration of a run's corpus names."""
    return _file_source(run) if run.config.source_asset is None else _asset_source(run)


def _file_source(run: Run) -> Source:
    shards = discover_shards(run.config, run.registered, missing_ok=True)
    specs = {spec.key: spec for spec in shards}

    def find(shard: str) -> ShardSpec:
        if shard not in specs:
            raise CorpusError(
                f"no file of the corpus gives the shard {shard!r} any more; its stored rows are "
                "kept but left out of selections. Put the file back, or delete the partition"
            )
        return specs[shard]

    return Source(
        find,
        file_version,
        lambda spec: read_again(run.store, spec, run.config, run.log),
        lambda version: {FILES: version},
        lambda spec: {"path": dg.MetadataValue.path(spec.path)},
    )


def _asset_source(run: Run) -> Source:
    key = run.binding.upstream

    def load(partition: str | None) -> Any:
        return run.context.load_asset_value(key, partition_key=partition)

    node = run.context.job_def.asset_layer.get(key)
    upstream = Upstream(run.context.instance, run.binding, node, load)
    return Source(
        upstream.spec,
        lambda spec: upstream.version(spec.key),
        _AssetReader(run, upstream).read,
        lambda version: {SOURCE: version, UPSTREAM: as_dagster_has_it(version)},
        lambda spec: {"source_asset": dg.MetadataValue.asset(key)},
    )


class _AssetReader:
    """Reads shards of an asset; the value of one without partitions is loaded once per version."""

    def __init__(self, run: Run, upstream: Upstream):
        self._run, self._upstream = run, upstream
        self._kept: tuple[str, Any] | None = None

    def read(self, spec: ShardSpec) -> Reading:
        """The samples of a shard and their version; once more if it was replaced meanwhile."""
        upstream = self._upstream
        for _ in range(2):
            before = upstream.version(spec.key)
            value = self._value(spec, before)
            try:
                table = _in_chunks(self._samples(spec, value))
            except CorpusError as error:
                place = f"partition {spec.key!r} of " * upstream.partitioned
                raise CorpusError(f"{place}{upstream.name}: {error}") from error
            if upstream.version(spec.key) != before:
                continue
            if spec.start and not table.num_rows:
                raise CorpusError(
                    f"{upstream.name} has no rows from {spec.start + 1:,} on any more; the sensor "
                    "deletes the partition"
                )
            if upstream.partitioned and table.num_rows > MANY:
                self._run.log.warning(
                    f"{spec.key}: {table.num_rows:,} rows are one shard, which is held in memory: "
                    f"rows_per_shard divides no partition. Give {upstream.name} smaller ones"
                )
            return Reading(table, before)
        raise CorpusError(f"{upstream.name} keeps changing while it is read; try again")

    def _samples(self, spec: ShardSpec, value: Any) -> Iterator[Sample]:
        config = self._run.config
        records = table_records(value, config, spec.start, spec.stop)
        for row, record in enumerate(records):
            yield from samples_of(record, spec.key, row, config)

    def _value(self, spec: ShardSpec, version: str) -> Any:
        if self._kept is not None and self._kept[0] == version:
            return self._kept[1]
        self._kept = None  # not both at once
        value = self._upstream.value(spec.key)
        if in_memory(value) and len(value) > MANY:
            self._run.log.warning(
                f"{self._upstream.name}: {len(value):,} rows came as one {type(value).__name__}, "
                "which is held in memory whole; of a path, a LazyFrame, a pyarrow Dataset or an "
                "iterator only some rows are held at a time"
            )
        if not (self._upstream.partitioned or used_up(value)):
            self._kept = version, value
        return value


def _in_chunks(samples: Iterator[Sample]) -> pa.Table:
    """A table of samples, of which only a chunk is held as objects at a time."""
    parts = [to_table(islice(samples, CHUNK))]
    while part := [*islice(samples, CHUNK)]:
        parts.append(to_table(part))
    return pa.concat_tables(parts)
