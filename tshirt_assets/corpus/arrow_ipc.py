"""Rows of an Arrow IPC file or stream, as `datasets` caches them, a batch at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pyarrow as pa

from tshirt_assets.corpus.columnar import batch_rows, seekable
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.places import FileIndex, Place, Places
from tshirt_assets.corpus.records import Record, one_line

MAGIC = b"ARROW1"
ROWS = 1024  # of a batch that are decoded at a time


def arrow_records(
    path: str, start: int, stop: int | None, place: Place | None = None
) -> Iterator[Record]:
    """Rows `start` up to `stop`; where batches cannot be read, one last record says so.

    Batches in front of `place` are passed over. Memory is bounded by the batches that the writer
    made. Raises `CorpusError` for a file that cannot be read at all.
    """
    at, first = (place.row, place.offset) if place else (0, 0)
    with _batches(path, first) as batches:
        for batch in batches:
            if isinstance(batch, Record):
                if start <= at and (stop is None or at < stop):
                    yield batch
                return
            low = max(start - at, 0)
            high = batch.num_rows if stop is None else min(stop - at, batch.num_rows)
            for row in range(low, high, ROWS):
                part = batch.slice(row, min(ROWS, high - row))
                yield from map(Record, batch_rows(part))
            at += batch.num_rows
            if stop is not None and at >= stop:
                return


def index_arrow_rows(path: str) -> FileIndex:
    """Number of records that `arrow_records` gives, and where batches begin; nothing is decoded.

    A file with broken batches has no places: what its last record says tells of all of them.
    """
    rows, places = 0, Places()
    with _batches(path) as batches:
        for number, batch in enumerate(batches):
            if isinstance(batch, Record):
                return FileIndex(rows + 1)
            if rows >= places.next:
                places.add(rows, (number,))
            rows += batch.num_rows
    return FileIndex(rows, places=places.found)


@contextmanager
def _batches(path: str, first: int = 0) -> Iterator[Iterator[pa.RecordBatch | Record]]:
    try:
        with seekable(path) as source, pa.input_stream(source) as file:
            in_file = file.read(len(MAGIC)) == MAGIC
            yield _read(source, in_file, first)
    except CorpusError:
        raise
    except Exception as error:  # whatever the library raises is a fault of the file
        raise CorpusError(
            f"{path}: not a readable Arrow file ({one_line(error)}); write or download it again"
        ) from None


def _read(source: Any, in_file: bool, first: int) -> Iterator[pa.RecordBatch | Record]:
    """The batches from `first` on that can be read, and a last record where any cannot.

    Raises when none can.
    """
    file = pa.OSFile(source) if isinstance(source, str) else pa.PythonFile(source)
    file.seek(0)
    reader: Any = pa.ipc.open_file(file) if in_file else pa.ipc.open_stream(file)
    batches = _of_file(reader, first) if in_file else _of_stream(reader, first)
    lost: list[str] = []
    good = 0
    for number, batch in enumerate(batches, start=first + 1):
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


def _of_file(reader: Any, first: int) -> Iterator[pa.RecordBatch | Exception]:
    """The batches of a file, which lists where they lie: one that is broken hides no other."""
    for number in range(first, reader.num_record_batches):
        try:
            batch = reader.get_batch(number)
            batch.validate(full=True)  # else offsets that are wrong end the process
        except CorpusError:  # of the source, not of what it holds
            raise
        except Exception as error:
            yield error
        else:
            yield batch


def _of_stream(reader: Any, first: int) -> Iterator[pa.RecordBatch | Exception]:
    """The batches of a stream up to the first that is broken."""
    for number in count():
        try:
            batch = reader.read_next_batch()
            if number < first:
                continue
            batch.validate(full=True)
        except StopIteration:
            return
        except CorpusError:
            raise
        except Exception as error:
            yield error
            return
        yield batch
