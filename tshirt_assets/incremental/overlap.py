"""Work in chunks of three steps that overlap: the next chunk is prepared, the last one written.

The model runs in its turn (see `side_by_side`), the other two steps in one thread each. At most
three chunks of a shard are in memory: one prepared, one in the model, one being written. A shard
that waits for its turn has one, prepared.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import pyarrow as pa

from tshirt_assets.incremental.side_by_side import POLL_SECONDS, in_turn

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

    chunks: the ids of the next chunk, none at the end. It is asked for one chunk ahead; the first
    is prepared before the turn with the model begins, and the last is written when it is over.
    What any step raises is raised here. An interrupt waits for the chunk that is being written,
    which is worth it, and not for the one that is being prepared.
    """
    reader = ThreadPoolExecutor(1, thread_name_prefix="prepare")
    prepared: deque[Future[Any]] = deque()  # one at most; what is popped is not kept in memory

    def ahead() -> None:
        if ids := chunks():
            prepared.append(reader.submit(computation.prepare, ids))

    try:
        ahead()
        if prepared:
            _result(prepared[0])
            with ThreadPoolExecutor(1, thread_name_prefix="write") as writer:

                def write_meanwhile(table: pa.Table) -> Future[None]:
                    return writer.submit(write, table)

                turn = partial(_turn, computation, prepared, ahead, write_meanwhile)
                _result(in_turn(turn))
    except Exception:
        reader.shutdown(cancel_futures=True)  # the caller may use the tokenizer at once
        raise
    finally:
        reader.shutdown(wait=False, cancel_futures=True)


def _turn(
    computation: Computation[Any],
    prepared: deque[Future[Any]],
    ahead: Callable[[], None],
    write: Callable[[pa.Table], Future[None]],
) -> Future[None]:
    """Compute all chunks, the first of which is prepared; the last is still being written."""
    written: Future[None] = Future()
    written.set_result(None)
    while prepared:
        work = _result(prepared.popleft())
        ahead()
        table, _ = computation.run(work)
        _result(written)
        written = write(table)
    return written


def _result(future: Future[Result]) -> Result:
    """What the future gives or raises. A wait without end would let no interrupt through.

    (polars has system calls restarted behind SIGINT, and Python's handler runs after them.)
    """
    while not wait([future], POLL_SECONDS).done:
        pass
    return future.result()
