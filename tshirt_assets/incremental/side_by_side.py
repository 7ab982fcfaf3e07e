"""Shards side by side: one has the model, while the host finishes the last and reads the next.

What is done for a shard is one function from top to bottom, in a thread of its own. Only the part
that needs the model, given to `in_turn`, runs in the thread of the caller, one shard at a time. Of
the rest, too, one shard is at work at a time: it need not be safe for threads.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

SHARDS = 2  # in work: one has the model or waits for it, one the host
POLL_SECONDS = 0.2  # a wait without end would let no interrupt through
LAST_SECONDS = 2.0  # after an interrupt, for what is being written

Result = TypeVar("Result")


class Stopped(BaseException):
    """Raised in the thread of a shard where its turn will not come, or was broken off."""


def in_turn(work: Callable[[], Result]) -> Result:
    """What `work` returns or raises, run in the thread to which the model belongs.

    That is the one that called `side_by_side`; outside of it, the present one.
    """
    turns = _turns.get()
    return work() if turns is None else turns.take(work)


def side_by_side(
    process: Callable[[str], Result], keys: Sequence[str]
) -> Iterator[tuple[str, Future[Result]]]:
    """Each key with what `process(key)` has returned or raised, in order; a few are in work.

    An interrupt, here or in a turn, ends all: it waits for what is being written, though not for
    long, and for nothing else.
    """
    turns = _Turns()
    pool = ThreadPoolExecutor(SHARDS, thread_name_prefix="shard")
    left = deque((key, pool.submit(turns.run, process, key)) for key in keys)
    try:
        while left:
            turns.give_until(left[0][1])
            yield left.popleft()
    finally:
        turns.stop()
        pool.shutdown(wait=False, cancel_futures=True)
        wait([outcome for _, outcome in left if not outcome.cancelled()], LAST_SECONDS)


def one_by_one(
    process: Callable[[str], Result], keys: Sequence[str]
) -> Iterator[tuple[str, Future[Result]]]:
    """As `side_by_side`, but each key when the one before is done with, and in this thread."""
    for key in keys:
        outcome: Future[Result] = Future()
        _do(partial(process, key), outcome)
        yield key, outcome


class _Turns:
    """Hands the caller's thread, and the host, from shard to shard."""

    def __init__(self) -> None:
        self._asked: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()
        self._host = threading.Lock()
        self._stopped = False

    def run(self, process: Callable[[str], Result], key: str) -> Result:
        """The work for one shard, in the present thread."""
        _turns.set(self)
        with self._host:
            self._go_on()
            return process(key)

    def take(self, work: Callable[[], Result]) -> Result:
        """Have the caller's thread do some of it; the host is free for another shard meanwhile."""
        turn: Future[Result] = Future()
        self._host.release()
        try:
            self._asked.put((work, turn))
            while not wait([turn], POLL_SECONDS).done:
                self._go_on()
            return turn.result()
        finally:
            self._host.acquire()

    def give_until(self, outcome: Future[Any]) -> None:
        """Do what is asked for, in the present thread, until `outcome` is there."""
        outcome.add_done_callback(lambda _: self._asked.put(None))
        while not outcome.done():
            with suppress(Empty):
                asked = self._asked.get(timeout=POLL_SECONDS)
                if asked is not None:
                    _do(*asked)

    def stop(self) -> None:
        """No turn begins any more."""
        self._stopped = True

    def _go_on(self) -> None:
        if self._stopped:
            raise Stopped


def _do(work: Callable[[], Any], turn: Future[Any]) -> None:
    try:
        turn.set_result(work())
    except Exception as error:
        turn.set_exception(error)
    except BaseException:
        turn.set_exception(Stopped())
        raise


_turns: ContextVar[_Turns | None] = ContextVar("turns", default=None)
