"""Rows of a table as Python holds it: of polars, pandas, pyarrow, `datasets`, dicts, or a path.

They become the same records as the rows of a file. No library is imported for it: a value comes
with its own.
"""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Any, Final

import pyarrow as pa

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.columnar import batch_rows
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.file_index import file_index
from tshirt_assets.corpus.files import read_records
from tshirt_assets.corpus.parquet import parquet_records
from tshirt_assets.corpus.records import EXCERPT, Record, one_line
from tshirt_assets.corpus.shards import keyed_files

ACCEPTED: Final = (
    "a DataFrame or LazyFrame of polars, a DataFrame of pandas, a Table, RecordBatch, "
    "RecordBatchReader or Dataset of pyarrow, a Dataset of `datasets`, an iterable of dicts, or "
    "the path of a file or folder"
)
BATCH: Final = 1024  # rows that are decoded at a time
Row = Mapping[Any, Any] | Record
Reader = Callable[[Any, int, int | None], Iterator[Row]]


def table_records(
    value: Any, config: CorpusConfig, start: int = 0, stop: int | None = None
) -> Iterator[Record]:
    """Rows `start` up to `stop` of a table, in its order.

    Beside the value itself memory is bounded: of a path, a LazyFrame, a Dataset, a reader or an
    iterator only some rows are held at a time. Raises `CorpusError` for a value that is no table,
    naming what is accepted, and for one that cannot be read.
    """
    kind = _kind(value)
    try:
        if kind == "path":
            yield from _path_records(str(value), config, start, stop)
            return
        for position, row in enumerate(_READERS[kind](value, start, stop), start):
            yield row if isinstance(row, Record) else _record(row, position)
    except CorpusError:
        raise
    except Exception as error:  # whatever the library raises, or a query in a LazyFrame
        raise CorpusError(f"a {kind} that cannot be read ({one_line(error)})") from error


def table_rows(value: Any, config: CorpusConfig) -> int:
    """How many rows a table has. An iterator is used up by it. Raises as `table_records` does."""
    kind = _kind(value)
    try:
        if kind == "path":
            return sum(file_index(file, config).rows for file in _files(str(value), config))
        if kind == "polars.LazyFrame":
            return int(value.select(_polars().len()).collect(engine="streaming").item())
        if kind == "pyarrow.Dataset":
            return int(value.count_rows())
        return len(value) if hasattr(value, "__len__") else sum(1 for _ in _rows(value, kind))
    except CorpusError:
        raise
    except Exception as error:
        raise CorpusError(f"a {kind} that cannot be read ({one_line(error)})") from error


def in_memory(value: Any) -> bool:
    """Whether a table is held in memory with all its rows."""
    return hasattr(value, "__len__") and _known(value) not in (None, "path", "datasets.Dataset")


def used_up(value: Any) -> bool:
    """Whether the rows of a table can be read only once."""
    return isinstance(value, Iterator)  # a reader of record batches is one as well


def _kind(value: Any) -> str:
    found = _known(value)
    if found is None:
        given = "nothing (None)" if value is None else f"a {type(value).__name__}"
        raise CorpusError(f"{given} is no table; rows are read from {ACCEPTED}")
    return found


def _known(value: Any) -> str | None:
    """What a value is: the name of a library's class, `path` or `iterable`; None for no table."""
    if isinstance(value, str | os.PathLike):
        return "path"
    for found in type(value).__mro__:
        name = f"{found.__module__.partition('.')[0]}.{found.__name__}"
        if name in _READERS:
            return name
    if isinstance(value, Iterable) and not isinstance(value, Mapping | bytes | bytearray):
        return "iterable"
    return None


def _record(row: Any, position: int) -> Record:
    if isinstance(row, Mapping):
        return Record({str(name): field for name, field in row.items()})
    fault = f"row {position + 1}: a {type(row).__name__}, not a dict"
    return Record({}, fault=fault, text=str(row)[:EXCERPT])


def _path_records(
    path: str, config: CorpusConfig, start: int, stop: int | None
) -> Iterator[Record]:
    """Records of a file, or of all supported files in a folder, one after the other."""
    first = 0  # position of the first row of a file
    for file in _files(path, config):
        index = file_index(file, config)
        low, high = max(0, start - first), None if stop is None else stop - first
        if high is not None and high <= 0:
            return
        if low < index.rows:
            limit = config.max_row_bytes
            yield from read_records(file, low, high, max_row_bytes=limit, index=index)
        first += index.rows


def _files(path: str, config: CorpusConfig) -> list[str]:
    """The files that a path stands for as an entry of `paths` does, in natural order."""
    alone = config.model_copy(update={"paths": (path,)})
    files = [*keyed_files(alone, missing_ok=True).values()]
    if not files:
        raise CorpusError(f"{path}: there is no file with rows")
    return files


def _rows(value: Any, kind: str) -> Iterator[Row]:
    return _READERS[kind](value, 0, None)


def _polars_frame(frame: Any, start: int, stop: int | None) -> Iterator[Row]:
    part = frame.slice(start, None if stop is None else stop - start)
    yield from part.iter_rows(named=True, buffer_size=BATCH)


def _lazy_frame(frame: Any, start: int, stop: int | None) -> Iterator[Row]:
    """Through a temporary Parquet file: the one way of polars to give rows in bounded memory."""
    part = frame.slice(start, None if stop is None else stop - start)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rows.parquet")
        part.sink_parquet(path)
        yield from parquet_records(path, 0, None)


def _pandas_frame(frame: Any, start: int, stop: int | None) -> Iterator[Row]:
    for low in range(start, len(frame) if stop is None else min(stop, len(frame)), BATCH):
        part = frame.iloc[low : low + BATCH if stop is None else min(stop, low + BATCH)]
        columns = [_pandas_values(part.iloc[:, at]) for at in range(part.shape[1])]
        names = [*map(str, part.columns)]
        for row in range(len(part)):
            yield {name: column[row] for name, column in zip(names, columns, strict=True)}


def _pandas_values(series: Any) -> list[Any]:
    """Values as Arrow has them, missing ones as None; of mixed types as they are."""
    try:
        found: list[Any] = pa.array(series, from_pandas=True).to_pylist()
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        present = series.notna()
        found = [
            _plain(value) if there else None for value, there in zip(series, present, strict=True)
        ]
    return found


def _plain(value: Any) -> Any:
    """A value without arrays of numpy, in which pandas holds lists."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value


def _arrow_table(table: pa.Table, start: int, stop: int | None) -> Iterator[Row]:
    part = table.slice(start, None if stop is None else stop - start)
    return _batches(part.to_batches(max_chunksize=BATCH))


def _record_batch(batch: pa.RecordBatch, start: int, stop: int | None) -> Iterator[Row]:
    return _arrow_table(pa.Table.from_batches([batch]), start, stop)


def _batch_reader(reader: Iterable[pa.RecordBatch], start: int, stop: int | None) -> Iterator[Row]:
    return islice(_batches(reader), start, stop)


def _arrow_dataset(dataset: Any, start: int, stop: int | None) -> Iterator[Row]:
    return islice(_batches(dataset.to_batches(batch_size=BATCH)), start, stop)


def _hub_dataset(dataset: Any, start: int, stop: int | None) -> Iterator[Row]:
    end = len(dataset) if stop is None else min(stop, len(dataset))
    if start >= end:
        return iter(())
    tables = dataset.select(range(start, end)).with_format("arrow").iter(batch_size=BATCH)
    return _batches(chain.from_iterable(table.to_batches() for table in tables))


def _batches(batches: Iterable[pa.RecordBatch]) -> Iterator[Row]:
    for batch in batches:
        for low in range(0, batch.num_rows, BATCH):
            yield from batch_rows(batch.slice(low, BATCH))


def _polars() -> Any:
    import polars

    return polars


_READERS: Final[Mapping[str, Reader]] = {
    "polars.DataFrame": _polars_frame,
    "polars.LazyFrame": _lazy_frame,
    "pandas.DataFrame": _pandas_frame,
    "pyarrow.Table": _arrow_table,
    "pyarrow.RecordBatch": _record_batch,
    "pyarrow.RecordBatchReader": _batch_reader,
    "pyarrow.Dataset": _arrow_dataset,
    "datasets.Dataset": _hub_dataset,
    "iterable": islice,
}
