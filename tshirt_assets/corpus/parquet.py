"""Rows of a Parquet file, a few at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tshirt_assets.corpus.bytestream import StreamFault, byte_chunks, compression
from tshirt_assets.corpus.errors import CorpusError

BATCH = 1024  # rows decoded at a time


def parquet_rows(path: str, start: int, stop: int | None) -> Iterator[dict[str, Any] | str]:
    """Rows `start` up to `stop`; a row that cannot be decoded is a string that says why.

    Row groups outside the range are not read. Raises `CorpusError` for a corrupt file.
    """
    with _opened(path) as file:
        stop = file.metadata.num_rows if stop is None else stop
        groups: list[int] = []
        first = at = 0
        for index in range(file.num_row_groups):
            size = file.metadata.row_group(index).num_rows
            if at < stop and at + size > start:
                first = at if not groups else first
                groups.append(index)
            at += size
        at = first
        for batch in file.iter_batches(BATCH, row_groups=groups) if groups else ():
            low, high = max(start - at, 0), min(stop - at, batch.num_rows)
            at += batch.num_rows
            if low < high:
                yield from _decoded(batch.slice(low, high - low))


def count_parquet_rows(path: str) -> int:
    """Number of rows by the file's footer."""
    with _opened(path) as file:
        return file.metadata.num_rows


@contextmanager
def _opened(path: str) -> Iterator[pq.ParquetFile]:
    try:
        source = path
        if compression(path):
            source = pa.BufferReader(b"".join(byte_chunks(path)))
        with pq.ParquetFile(source) as file:
            yield file
    except (pa.ArrowException, OSError, StreamFault) as error:
        reason = str(error).splitlines()[0]
        raise CorpusError(
            f"{path}: not a readable Parquet file ({reason}); write or download it again"
        ) from None


def _decoded(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | str]:
    try:
        yield from batch.to_pylist()
    except (ValueError, OverflowError, pa.ArrowException) as error:
        # Text that is not UTF-8, or a date outside Python's range, spoils its own row only.
        if batch.num_rows == 1:
            yield f"cannot be decoded: {error}"
        else:
            for row in range(batch.num_rows):
                yield from _decoded(batch.slice(row, 1))
