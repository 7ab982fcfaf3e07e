"""The event loop behind the store's reads: results, failures, threads, a forked child."""

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tshirt_assets.store import event_loop


async def _thread_after(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return threading.current_thread().name


async def _failing() -> None:
    raise ValueError("no such table")


def test_work_of_many_threads_is_done_at_once_in_one_thread() -> None:
    with ThreadPoolExecutor(8) as pool:
        waits = [pool.submit(event_loop.wait_for, _thread_after(0.01)) for _ in range(8)]
        names = {wait.result(timeout=20) for wait in waits}
    assert len(names) == 1
    assert names != {threading.current_thread().name}


def test_a_failure_is_raised_where_it_is_waited_for_and_the_next_work_is_done() -> None:
    with pytest.raises(ValueError, match="no such table"):
        event_loop.wait_for(_failing())
    assert event_loop.wait_for(_thread_after(0.0))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_has_a_loop_of_its_own() -> None:
    event_loop.wait_for(_thread_after(0.0))
    child = os.fork()
    if child == 0:  # the thread of the parent's loop is not here
        try:
            os._exit(0 if event_loop.wait_for(_thread_after(0.0)) else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
