"""The event loop of this process in which LanceDB's asynchronous interface is used.

Its synchronous interface goes to an event loop and back for every call: of opening a table, asking
for its version, rows and columns, that takes most of the time.
"""

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

_lock = threading.Lock()
_running: tuple[int, asyncio.AbstractEventLoop] | None = None  # and the process it runs in


def wait_for(work: Coroutine[Any, Any, Result]) -> Result:
    """Result of `work`, from any thread that runs no such loop itself."""
    future = asyncio.run_coroutine_threadsafe(work, _loop())
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


def _loop() -> asyncio.AbstractEventLoop:
    """The loop, in a thread of its own; of a forked child it is another one."""
    global _running
    with _lock:
        if _running is None or _running[0] != os.getpid():
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="store", daemon=True).start()
            _running = os.getpid(), loop
        return _running[1]
