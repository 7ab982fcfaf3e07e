"""Ctrl-C and SIGTERM: a run is canceled, and its process ends soon, whatever it is doing."""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

INTERRUPTED: Final = "interrupted; run again to continue"
EXIT_CODE: Final = 130
GRACE: Final = 3.0  # seconds in which the main thread may stop by itself
LAST_CALL: Final = 1.0  # seconds for `Ending.last` if it does not
ONE_PRESS: Final = 0.5  # seconds in which further signals are the first one, sent on by a parent


@dataclass
class Ending:
    """Whether the process was told to stop, and what it does and says last."""

    told: bool = False
    last: Callable[[], None] = lambda: None  # if it is ended by force
    said: str = f"{INTERRUPTED}\n"


@contextmanager
def ending_soon() -> Iterator[Ending]:
    """Inside, a process that is told to stop ends within `GRACE` + `LAST_CALL` seconds.

    Both signals raise in the main thread, as Python and Dagster do it, but only once it comes back
    from compiled code, and not every library lets the exception through. So a thread keeps watch,
    and when the time is over, or at a second signal, it ends the process. What is stored is made
    for that. A process that was told ends here at the latest, with `EXIT_CODE`: taking down torch
    and all the rest in order would take seconds more.
    """
    ending = Ending()
    if threading.current_thread() is not threading.main_thread():
        yield ending  # signals are not ours to handle
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)  # Python insists
    handler = signal.signal(signal.SIGTERM, signal.default_int_handler)
    former = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reading, ending), daemon=True).start()
    try:
        yield ending
    finally:
        if ending.told:
            _end(ending)
        signal.set_wakeup_fd(former)
        signal.signal(signal.SIGTERM, handler)
        os.close(writing)


def _watch(reading: int, ending: Ending) -> None:
    """Wait for a signal, then for the end of the process; bring it about where it does not come."""
    while not ending.told:
        signals = os.read(reading, 64)
        if not signals:  # nobody writes any more: the watch is over
            os.close(reading)
            return
        ending.told = _are_ours(signals)
    told = time.monotonic()
    while (left := told + GRACE - time.monotonic()) > 0:
        ready, _, _ = select.select([reading], [], [], left)
        again = bool(ready) and _are_ours(os.read(reading, 64))
        if again and time.monotonic() > told + ONE_PRESS:
            break
    last = threading.Thread(target=ending.last, daemon=True)
    last.start()
    last.join(LAST_CALL)
    _end(ending)


def _end(ending: Ending) -> None:
    """End the process at once."""
    sys.stdout.flush()
    os.write(2, ending.said.encode())
    os._exit(EXIT_CODE)


def _are_ours(signals: bytes) -> bool:
    return bool({signal.SIGINT, signal.SIGTERM} & set(signals))
