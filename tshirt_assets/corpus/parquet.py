"""Rows of a Parquet file, a few at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import unquote

import pyarrow.parquet as pq

from tshirt_assets.corpus.addresses import without_query
from tshirt_assets.corpus.columnar import batch_rows, seekable
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.records import Record, Undecodable, one_line

NO_VALUE: Final = "__HIVE_DEFAULT_PARTITION__"
BATCH = 1024  # rows decoded at a time, fewer where
BATCH_BYTES = 1 << 26  # they would take more than this, by the sizes that the file gives


def parquet_records(path: str, start: int, stop: int | None) -> Iterator[Record]:
    """Rows `start` up to `stop`; row groups outside the range are not read.

    A column that cannot be decoded in a row group is `Undecodable` in its rows; where none can,
    each of the rows is a fault. Memory is bounded by a batch and the column pages under it, but
    only as far as the file tells the truth: a long text that a dictionary holds once counts once
    in its sizes and is copied to every row of a batch. Folders named `field=value` give each row
    that field, unless the file has it.

    Raises `CorpusError` for a file, or a range of it, of which no row can be read.
    """
    told = _hive_fields(path)
    with _opened(path) as file:
        stop = file.metadata.num_rows if stop is None else stop
        at, good = 0, False
        failed: list[tuple[int, str]] = []
        for group in range(file.num_row_groups):
            size = file.metadata.row_group(group).num_rows
            low, high = max(start - at, 0), min(stop - at, size)
            at += size
            for row in _group_rows(file, group, low, high) if low < high else ():
                if isinstance(row, str):
                    failed.append((at - size, row))
                    continue
                yield from (Record({}, fault=fault) for _, fault in failed)
                failed.clear()
                good = True
                yield Record({**told, **row})
        if failed and not good:
            raise ValueError(failed[0][1])
        yield from (Record({}, fault=fault) for _, fault in failed)


def count_parquet_rows(path: str) -> int:
    """Number of rows by the file's footer."""
    with _opened(path) as file:
        return file.metadata.num_rows


def _group_rows(
    file: pq.ParquetFile, group: int, low: int, high: int
) -> Iterator[dict[str, Any] | str]:
    """Rows `low` up to `high` of a row group; a row that cannot be decoded is the reason."""
    names = file.schema_arrow.names
    at = low
    try:
        for row in _column_rows(file, group, names, low, high):
            at += 1
            yield row
        if at == high:
            return
        reason = "fewer rows than its header says"
    except CorpusError:  # of the source, not of what it holds
        raise
    except Exception as error:
        reason = one_line(error)
    faults = {name: found for name in names if (found := _column_fault(file, group, name))}
    good = [name for name in names if name not in faults]
    missing = {name: Undecodable(fault) for name, fault in faults.items()}
    try:
        for row in _column_rows(file, group, good, at, high) if good else ():
            at += 1
            yield row | missing
    except CorpusError:
        raise
    except Exception as error:
        reason = one_line(error)
    yield from (f"row group {group + 1} cannot be decoded ({reason})" for _ in range(at, high))


def _column_rows(
    file: pq.ParquetFile, group: int, names: list[str], low: int, high: int
) -> Iterator[dict[str, Any]]:
    data = file.metadata.row_group(group)
    width = max(1, data.total_byte_size // max(1, data.num_rows))
    at = 0
    for batch in file.iter_batches(
        max(1, min(BATCH, BATCH_BYTES // width)), row_groups=[group], columns=names
    ):
        first, last = max(low - at, 0), min(high - at, batch.num_rows)
        at += batch.num_rows
        if first < last:
            yield from batch_rows(batch.slice(first, last - first))
        if at >= high:
            return


def _column_fault(file: pq.ParquetFile, group: int, name: str) -> str | None:
    """Why a column cannot be decoded in a row group; None where it can."""
    try:
        for _ in file.iter_batches(BATCH, row_groups=[group], columns=[name]):
            pass
    except CorpusError:
        raise
    except Exception as error:
        return one_line(error)
    return None


def _hive_fields(path: str) -> dict[str, str | None]:
    """What the names of the folders say of all rows, as Hive, Spark and others lay tables out."""
    folders = without_query(path).split("/")[:-1]
    pairs = (folder.partition("=") for folder in folders if "=" in folder)
    return {
        unquote(name): None if value == NO_VALUE else unquote(value)
        for name, _, value in pairs
        if name
    }


def _check_counts(footer: pq.FileMetaData) -> None:
    """Raise `ValueError` for numbers of rows that contradict each other: none can be trusted."""
    groups = (footer.row_group(index).num_rows for index in range(footer.num_row_groups))
    if sum(groups) != footer.num_rows:
        raise ValueError("its numbers of rows contradict each other")


@contextmanager
def _opened(path: str) -> Iterator[pq.ParquetFile]:
    try:
        with seekable(path) as source, pq.ParquetFile(source) as file:
            _check_counts(file.metadata)
            yield file
    except CorpusError:
        raise
    except Exception as error:  # whatever the library raises is a fault of the file
        raise CorpusError(
            f"{path}: not a readable Parquet file ({one_line(error)}); write or download it again"
        ) from None
