"""Reading one shard into canonical samples."""

from collections.abc import Callable, Iterator

import pyarrow as pa

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.bytestream import content_version
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.file_index import file_index
from tshirt_assets.corpus.files import read_items
from tshirt_assets.corpus.json_lines import Line, parse_line
from tshirt_assets.corpus.records import Record
from tshirt_assets.corpus.rows import samples_of
from tshirt_assets.corpus.sample import Sample, to_table
from tshirt_assets.corpus.shards import ShardSpec
from tshirt_assets.corpus.status import Status


def read_shard(spec: ShardSpec, config: CorpusConfig) -> Iterator[Sample]:
    """Samples of a shard in file order; `row` is the record's position in the shard.

    Every record gives at least one sample, whatever is wrong with it. With `turns: all` the
    samples of one conversation share their row number.

    Raises `CorpusError` when the file cannot be read at all.
    """
    for row, item in enumerate(shard_items(spec, config)):
        yield from item_samples(item, spec, row, config)


def shard_items(spec: ShardSpec, config: CorpusConfig) -> Iterator[Line | Record]:
    """The records of a shard in file order; lines of JSON are not parsed yet.

    Raises `CorpusError` when the file cannot be read at all.
    """
    index = file_index(spec.path, config) if spec.start else None
    return read_items(
        spec.path, spec.start, spec.stop, max_row_bytes=config.max_row_bytes, index=index
    )


def item_samples(
    item: Line | Record, spec: ShardSpec, row: int, config: CorpusConfig
) -> list[Sample]:
    """The samples of one record of a shard: at least one, whatever is wrong with it."""
    record = parse_line(item, config.max_row_bytes) if isinstance(item, Line) else item
    return samples_of(record, spec.key, row, config)


def read_stable(
    spec: ShardSpec, config: CorpusConfig, read: Callable[[], pa.Table] | None = None
) -> tuple[pa.Table, str]:
    """The samples of a shard as a table, and the version of the file that they are of.

    read: another way to the same table. Reads once more if the file was replaced meanwhile; raises
    `CorpusError` if it keeps changing, and if it has become too short for the shard.
    """
    for _ in range(2):
        before = file_version(spec)
        table = read() if read else to_table(read_shard(spec, config))
        if file_version(spec) != before:
            continue
        if spec.start and not table.num_rows:
            raise CorpusError(
                f"{spec.path}: has no rows from {spec.start + 1:,} on any more; put the file back, "
                "or delete the partition"
            )
        return table, before
    raise CorpusError(f"{spec.path}: the file keeps changing while it is read; try again")


def incomplete_reason(samples: pa.Table) -> str | None:
    """Why the file of these samples could not be read to its end; None where it was."""
    statuses = samples["status"].to_pylist()
    if Status.FILE_ENDS_EARLY not in statuses:
        return None
    return str(samples["status_detail"][statuses.index(Status.FILE_ENDS_EARLY)])


def file_version(spec: ShardSpec) -> str:
    """Version of a shard's source: changes whenever its file is written.

    Raises `CorpusError` if the file is gone.
    """
    return content_version(spec.path)
