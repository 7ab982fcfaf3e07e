"""The process that workers are copies of: it has imported what they need, once for all of them.

Imports take about nine CPU seconds, a fork none of them. The template does nothing but import, so
that no thread of its own can hold what a copy would wait for: a CUDA device is not initialised, and
LanceDB, which starts threads when it is imported, left to the workers.
"""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Final

FORKS: Final = sys.platform == "linux"  # elsewhere system libraries may not survive a fork
IMPORTED: Final = [
    "tshirt_assets.commands.worker",
    "dagster._core.storage.sqlite_storage",  # and what PostgreSQL's needs as well
    "transformers.models.auto.modeling_auto",
    "transformers.modeling_utils",
    "sentence_transformers",
    "lance_namespace",
]
TERMINATION: Final = {signal.SIGTERM}
CHECKED_BY_DRIVER: Final = "PYTORCH_NVML_BASED_CUDA_CHECK"


def begin_imports() -> None:
    """Let the template start to import, and do not wait for it.

    The sooner, the less a command waits for its first worker: this module imports hardly anything.
    """
    if not FORKS:
        return
    from multiprocessing import forkserver

    forkserver.set_forkserver_preload(IMPORTED)
    with _for_the_template():
        forkserver.ensure_running()


def start_worker(theirs: Connection, number: int, variables: Mapping[str, str]) -> BaseProcess:
    """A new worker at the other end of a connection, with these environment variables."""
    from tshirt_assets.commands.worker import work

    begin_imports()  # once more, should the template have been killed
    context: ForkServerContext | SpawnContext
    context = get_context("forkserver") if FORKS else get_context("spawn")
    worker = context.Process(
        target=work, args=(theirs, number, dict(variables)), name=f"worker {number}"
    )
    with _without_main():
        worker.start()
    return worker


@contextmanager
def _for_the_template() -> Iterator[None]:
    """What a process that is started inside takes over.

    It outlives SIGTERM, which is for the command and its workers. Whether there is a GPU, it asks
    without initialising CUDA: no copy of a process that has could use it.
    """
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, TERMINATION)
    before = os.environ.get(CHECKED_BY_DRIVER)
    os.environ[CHECKED_BY_DRIVER] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[CHECKED_BY_DRIVER]
        else:
            os.environ[CHECKED_BY_DRIVER] = before
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


@contextmanager
def _without_main() -> Iterator[None]:
    """Workers do not run the script of their command again, as multiprocessing would have it."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
