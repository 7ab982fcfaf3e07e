"""Work in chunks of three steps that overlap: the next chunk is prepared, the last one written.

The model runs in the thread of the caller, the other two steps in one thread each. At most three
chunks are in memory: one prepared, one in the model, one being written.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pyarrow as pa

POLL_SECONDS = 0.2

Work = TypeVar("Work")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Computation(Generic[Work]):
    """How the rows of a table are computed, in two steps.

    prepare: what can be done ahead for some sample ids (reading, tokenizing), by another thread.
    run: the rest, with the model: a table with `sample_id`, `status`, `status_detail` and the
    score columns, and the number of tokens that it took.
    """

    prepare: Callable[[Sequence[str]], Work]
    run: Callable[[Work], tuple[pa.Table, int]]


def in_chunks(
    computation: Computation[Any],
    chunks: Callable[[], Sequence[str]],
    write: Callable[[pa.Table], None],
) -> None:
    """Compute chunk by chunk; `write` gets each in order, in another thread.

    chunks: the ids of the next chunk, none at the end. It is asked for one chunk ahead, in the
    thread of the caller. What any step raises is raised here. An interrupt waits for the chunk
    that is being written, which is worth it, and not for the one that is being prepared.
    """
    reader = ThreadPoolExecutor(1, thread_name_prefix="prepare")
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="write") as writer:
            _overlapped(computation, chunks, write, reader, writer)
    except Exception:
        reader.shutdown(cancel_futures=True)  # the caller may use the tokenizer at once
        raise
    finally:
        reader.shutdown(wait=False, cancel_futures=True)


def _overlapped(
    computation: Computation[Any],
    chunks: Callable[[], Sequence[str]],
    write: Callable[[pa.Table], None],
    reader: ThreadPoolExecutor,
    writer: ThreadPoolExecutor,
) -> None:
    def ahead() -> Future[Any] | None:
        ids = chunks()
        return reader.submit(computation.prepare, ids) if ids else None

    written: Future[None] | None = None
    prepared = ahead()
    while prepared is not None:
        work = _result(prepared)
        prepared = ahead()
        table, _ = computation.run(work)
        if written is not None:
            _result(written)
        written = writer.submit(write, table)
    if written is not None:
        _result(written)


def _result(future: Future[Result]) -> Result:
    """What the future gives or raises. A wait without end would let no interrupt through.

    (polars has system calls restarted behind SIGINT, and Python's handler runs after them.)
    """
    while not wait([future], POLL_SECONDS).done:
        pass
    return future.result()
