"""Rows of an Arrow IPC file or stream, as `datasets` caches them, a batch at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from tshirt_assets.corpus.columnar import batch_rows, seekable
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.records import Record, one_line

MAGIC = b"ARROW1"
ROWS = 1024  # of a batch that are decoded at a time


def arrow_records(path: str, start: int, stop: int | None) -> Iterator[Record]:
    """Rows `start` up to `stop`; where batches cannot be read, one last record says so.

    Memory is bounded by the batches that the writer made. Raises `CorpusError` for a file that
    cannot be read at all.
    """
    with _batches(path) as batches:
        at = 0
        for batch in batches:
            if isinstance(batch, Record):
                if start <= at and (stop is None or at < stop):
                    yield batch
                return
            low = max(start - at, 0)
            high = batch.num_rows if stop is None else min(stop - at, batch.num_rows)
            for first in range(low, high, ROWS):
                part = batch.slice(first, min(ROWS, high - first))
                yield from map(Record, batch_rows(part))
            at += batch.num_rows
            if stop is not None and at >= stop:
                return


def count_arrow_rows(path: str) -> int:
    """Number of records that `arrow_records` gives; nothing is decoded."""
    with _batches(path) as batches:
        return sum(1 if isinstance(part, Record) else part.num_rows for part in batches)


@contextmanager
def _batches(path: str) -> Iterator[Iterator[pa.RecordBatch | Record]]:
    try:
        with seekable(path) as source, pa.input_stream(source) as file:
            in_file = file.read(len(MAGIC)) == MAGIC
            yield _read(source, in_file)
    except CorpusError:
        raise
    except Exception as error:  # whatever the library raises is a fault of the file
        raise CorpusError(
            f"{path}: not a readable Arrow file ({one_line(error)}); write or download it again"
        ) from None


def _read(source: Any, in_file: bool) -> Iterator[pa.RecordBatch | Record]:
    """The batches that can be read, and a last record where any cannot. Raises when none can."""
    file = pa.OSFile(source) if isinstance(source, str) else pa.PythonFile(source)
    file.seek(0)
    reader: Any = pa.ipc.open_file(file) if in_file else pa.ipc.open_stream(file)
    batches = _of_file(reader) if in_file else _of_stream(reader)
    lost: list[str] = []
    good = 0
    for number, batch in enumerate(batches, start=1):
        if isinstance(batch, Exception):
            lost.append(f"batch {number} cannot be read ({one_line(batch)})")
            failure = batch
            continue
        good += 1
        yield batch
    if lost and not good:
        raise failure
    if lost:
        more = f"; so it is with {len(lost) - 1:,} more" if len(lost) > 1 else ""
        rest = "" if in_file else ", nor anything after it"
        yield Record({}, fault=f"{lost[0]}{rest}{more}", ends_early=True)


def _of_file(reader: Any) -> Iterator[pa.RecordBatch | Exception]:
    """All batches of a file, which lists where they lie: one that is broken hides no other."""
    for number in range(reader.num_record_batches):
        try:
            batch = reader.get_batch(number)
            batch.validate(full=True)  # else offsets that are wrong end the process
        except Exception as error:
            yield error
        else:
            yield batch


def _of_stream(reader: Any) -> Iterator[pa.RecordBatch | Exception]:
    """The batches of a stream up to the first that is broken."""
    while True:
        try:
            batch = reader.read_next_batch()
            batch.validate(full=True)
        except StopIteration:
            return
        except Exception as error:
            yield error
            return
        yield batch
