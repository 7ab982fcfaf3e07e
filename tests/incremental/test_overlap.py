"""Chunks whose preparation, computation and writing overlap, and what a failure does to them."""

import signal
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

import polars  # noqa: F401  it takes part in how SIGINT is handled
import pyarrow as pa
import pytest

from tshirt_assets.incremental.overlap import Computation, in_chunks

CHUNKS = 40
MODEL, HOST = 0.020, 0.015  # seconds per chunk


class Steps:
    """Steps that take a moment each, and note what they did; `fails` names one and its chunk."""

    def __init__(
        self,
        fails: tuple[str, str] | None = None,
        error: BaseException | None = None,
        *,
        seconds: Sequence[float] = (0.0, 0.0, 0.0),
        chunks: int = 6,
    ):
        self.done: list[tuple[str, str]] = []
        self.peak = 0
        self._left = iter([f"c{number}" for number in range(chunks)])
        self._fails, self._error = fails, error or MemoryError("out of memory")
        self._seconds = dict(zip(("prepare", "run", "write"), seconds, strict=True))

    def do(self) -> None:
        def run(name: str) -> tuple[pa.Table, int]:
            self._step("run", name)
            return pa.table({"sample_id": [name]}), 1

        in_chunks(
            Computation(lambda ids: self._step("prepare", ids[0]), run),
            self._next,
            lambda table: self._step("write", table["sample_id"][0].as_py()) and None,
        )

    def names(self, step: str) -> list[str]:
        return [name for which, name in self.done if which == step]

    def _next(self) -> list[str]:
        name = next(self._left, None)
        return [] if name is None else [name]

    def _step(self, step: str, name: str) -> str:
        time.sleep(self._seconds[step])
        if (step, name) == self._fails:
            raise self._error
        self.done.append((step, name))
        self.peak = max(self.peak, len(self.names("prepare")) - len(self.names("write")))
        return name


def leftover() -> list[threading.Thread]:
    """Threads of `in_chunks` that have not ended, a moment after."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        alive = [t for t in threading.enumerate() if t.name.startswith(("prepare", "write"))]
        if not alive:
            return []
        time.sleep(0.01)
    return alive


@pytest.mark.slow  # it watches the clock
@pytest.mark.parametrize(
    "seconds", [(HOST, MODEL, HOST), (MODEL, HOST, HOST), (HOST, HOST, MODEL), (0.0, MODEL, 0.0)]
)
def test_the_wall_is_that_of_the_longest_step(seconds: tuple[float, ...]) -> None:
    """The best of a few tries: others use this machine, too."""
    longest = 1.15 * CHUNKS * max(seconds)
    ends = sum(seconds) - max(seconds)  # steps of the first and the last chunk overlap nothing
    for last in (False, False, False, False, True):
        steps = Steps(seconds=seconds, chunks=CHUNKS)
        started = time.perf_counter()
        steps.do()
        wall = time.perf_counter() - started
        assert steps.names("write") == [f"c{number}" for number in range(CHUNKS)]
        if wall <= longest + ends:
            break
        assert not last, f"{wall:.3f} s, of which {longest + ends:.3f} are allowed"


@pytest.mark.parametrize("slow", range(3))
def test_few_chunks_are_in_memory_whatever_step_is_slow(slow: int) -> None:
    seconds = [0.0, 0.0, 0.0]
    seconds[slow] = 0.01
    steps = Steps(seconds=seconds, chunks=12)
    steps.do()
    assert steps.peak <= 3


@pytest.mark.parametrize(
    ("step", "computed", "written"), [("prepare", 3, 3), ("run", 3, 3), ("write", 4, 3)]
)
def test_what_a_step_raises_is_raised_with_its_traceback_and_what_was_computed_is_kept(
    step: str, computed: int, written: int
) -> None:
    steps = Steps((step, "c3"), seconds=(0.001, 0.005, 0.001))
    with pytest.raises(MemoryError) as caught:
        steps.do()
    assert "raise self._error" in "".join(traceback.format_tb(caught.value.__traceback__))
    assert len(steps.names("run")) >= computed
    assert len(steps.names("write")) == written
    assert leftover() == []


@pytest.mark.parametrize("step", ["prepare", "run", "write"])
def test_an_interrupt_of_any_step_ends_all(step: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        Steps((step, "c2"), KeyboardInterrupt()).do()
    assert leftover() == []


def test_an_interrupt_does_not_wait_for_what_is_prepared() -> None:
    """Ctrl-C while the caller waits for a chunk that takes its time."""
    released = threading.Event()
    main = threading.main_thread().ident
    assert main is not None

    def prepare(ids: Sequence[str]) -> Any:
        threading.Timer(0.05, signal.pthread_kill, (main, signal.SIGINT)).start()
        released.wait(10)

    left = iter([["a"], ["b"]])
    nothing: Callable[[Any], Any] = lambda _: None  # noqa: E731
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it
    started = time.perf_counter()
    try:
        with pytest.raises(KeyboardInterrupt):
            in_chunks(Computation(prepare, nothing), lambda: next(left, []), nothing)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.perf_counter() - started < 2
    released.set()
    assert leftover() == []


def test_nothing_to_compute_starts_no_thread() -> None:
    steps = Steps(chunks=0)
    steps.do()
    assert steps.done == []
    assert leftover() == []
