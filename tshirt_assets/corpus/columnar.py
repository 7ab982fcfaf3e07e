"""What the columnar formats share: rows from batches, and compressed files laid out on disk."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc

from tshirt_assets.corpus.addresses import is_remote
from tshirt_assets.corpus.bytestream import byte_chunks, compression, refuse_pointer
from tshirt_assets.corpus.records import Undecodable, one_line
from tshirt_assets.corpus.remote import open_file


@contextmanager
def seekable(path: str) -> Iterator[str | IO[bytes]]:
    """The path of a file of this machine, the open file if it lies elsewhere, or the content of a
    compressed one in a temporary file on disk.
    """
    if compression(path):
        with tempfile.TemporaryFile() as laid_out:
            for chunk in byte_chunks(path):
                laid_out.write(chunk)
            laid_out.seek(0)
            yield laid_out
    elif is_remote(path):
        with open_file(path) as file:
            refuse_pointer(path, file)
            yield file
    else:
        with suppress(OSError), open_file(path) as file:  # who reads it says why it cannot be read
            refuse_pointer(path, file)
        yield path


def batch_rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """The rows of a batch; a value that Python cannot hold costs no other value.

    Text that is not UTF-8 comes with lone surrogates, a time or date out of range as Arrow's text,
    anything else as `Undecodable`.
    """
    names = batch.schema.names
    if not names:
        yield from ({} for _ in range(batch.num_rows))
        return
    columns = [_values(column) for column in batch.columns]
    for values in zip(*columns, strict=True):
        yield dict(zip(names, values, strict=True))


def _values(array: pa.Array) -> list[Any]:
    try:
        return array.to_pylist()
    except Exception:  # one value at a time, then: the others are good
        return [_value(array, index) for index in range(len(array))]


def _value(array: pa.Array, index: int) -> Any:
    try:
        return array[index].as_py()
    except Exception as error:
        reason = one_line(error)
    try:
        if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
            return array[index].as_buffer().to_pybytes().decode("utf-8", "surrogateescape")
        if pa.types.is_temporal(array.type):
            return pc.cast(array.slice(index, 1), pa.string())[0].as_py()
    except Exception as error:
        reason = one_line(error)
    return Undecodable(reason)
