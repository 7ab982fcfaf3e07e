"""Shards side by side: what happens at the same time, what never does, and how it ends."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future

import polars  # noqa: F401  it takes part in how SIGINT is handled
import pytest

from tshirt_assets.incremental import side_by_side as loop
from tshirt_assets.incremental.side_by_side import Stopped, in_turn, one_by_one, side_by_side

KEYS = ["s0", "s1", "s2", "s3", "s4"]
Outcomes = Iterator[tuple[str, Future[str]]]
LONG = 20.0  # seconds after which a test has failed


class Gate(threading.Event):
    """An event that must come."""

    def passed(self) -> None:
        """Wait for it."""
        assert self.wait(LONG), "what should happen meanwhile does not"


def results(outcomes: Outcomes) -> dict[str, str]:
    """What came of each key, in order."""
    return {key: outcome.result() for key, outcome in outcomes}


def leftover() -> list[threading.Thread]:
    """Threads of shards that have not ended, a moment after."""
    deadline = time.monotonic() + 5
    while alive := [t for t in threading.enumerate() if t.name.startswith("shard")]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.01)
    return alive


def test_the_next_shard_is_read_and_the_last_one_finished_while_one_has_its_turn() -> None:
    """One chunk a shard, as on a fast GPU. Nothing here waits for a clock."""
    read = {key: Gate() for key in KEYS}
    written = {key: Gate() for key in KEYS}

    def process(key: str) -> str:
        number = KEYS.index(key)
        read[key].set()

        def model() -> None:
            for other in KEYS[number + 1 : number + 2]:
                read[other].passed()
            for other in KEYS[max(number - 1, 0) : number]:
                written[other].passed()

        in_turn(model)
        written[key].set()
        return key.upper()

    assert results(side_by_side(process, KEYS)) == {key: key.upper() for key in KEYS}


def test_turns_are_in_the_thread_of_the_caller_one_at_a_time_and_so_is_the_rest() -> None:
    inside, most = {"model": 0, "host": 0}, {"model": 0, "host": 0}
    threads: dict[str, set[int]] = {"model": set(), "host": set()}

    def visit(where: str) -> None:
        threads[where].add(threading.get_ident())
        inside[where] += 1
        most[where] = max(most[where], inside[where])
        time.sleep(0.002)
        inside[where] -= 1

    def process(key: str) -> str:
        visit("host")
        for _ in range(3):
            in_turn(lambda: visit("model"))
            visit("host")
        return key

    assert list(results(side_by_side(process, KEYS))) == KEYS
    assert most == {"model": 1, "host": 1}
    assert threads["model"] == {threading.get_ident()}
    assert threading.get_ident() not in threads["host"]


def test_two_shards_at_most_are_in_work() -> None:
    begun: list[str] = []
    ended: list[str] = []
    most = 0

    def process(key: str) -> str:
        nonlocal most
        begun.append(key)
        most = max(most, len(begun) - len(ended))
        in_turn(lambda: time.sleep(0.002))
        ended.append(key)
        return key

    results(side_by_side(process, KEYS))
    assert most <= loop.SHARDS == 2


@pytest.mark.parametrize("where", ["host", "model"])
def test_a_shard_that_fails_stops_no_other(where: str) -> None:
    def fail(key: str) -> None:
        if key == "s1":
            raise MemoryError("out of memory")

    def process(key: str) -> str:
        if where == "host":
            fail(key)
        in_turn(lambda: fail(key))
        return key

    outcomes = dict(side_by_side(process, KEYS))
    assert list(outcomes) == KEYS
    assert isinstance(outcomes.pop("s1").exception(), MemoryError)
    assert [outcome.result() for outcome in outcomes.values()] == ["s0", "s2", "s3", "s4"]
    assert leftover() == []


def test_an_interrupt_of_a_turn_ends_all_but_what_is_being_written() -> None:
    waiting, written = Gate(), Gate()
    ends: dict[str, BaseException | None] = {}

    def process(key: str) -> str:
        try:
            if key == "s1":
                waiting.set()
            in_turn(interrupted)
        except BaseException as error:
            ends[key] = error
            time.sleep(0.1)  # what is being written
            written.set()
            raise
        return key

    def interrupted() -> None:
        waiting.passed()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        results(side_by_side(process, KEYS))
    assert written.is_set()
    assert leftover() == []
    assert list(map(type, ends.values())) == [Stopped, Stopped]
    assert list(ends) == ["s0", "s1"]  # and no other has begun


def test_an_interrupt_does_not_wait_for_what_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while the caller has nothing to do but wait."""
    monkeypatch.setattr(loop, "LAST_SECONDS", 0.05)
    released = threading.Event()
    main = threading.main_thread().ident
    assert main is not None

    def process(key: str) -> str:
        threading.Timer(0.05, signal.pthread_kill, (main, signal.SIGINT)).start()
        released.wait(LONG)
        in_turn(lambda: pytest.fail("a turn after the end"))
        return key

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it
    started = time.perf_counter()
    try:
        with pytest.raises(KeyboardInterrupt):
            results(side_by_side(process, KEYS))
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.perf_counter() - started < 5
    released.set()
    assert leftover() == []


def test_who_stops_listening_ends_it() -> None:
    outcomes = side_by_side(lambda key: in_turn(lambda: key), KEYS)
    assert next(outcomes)[1].result() == "s0"
    outcomes.close()  # type: ignore[attr-defined]
    assert leftover() == []


@pytest.mark.parametrize("walk", [one_by_one, side_by_side])
def test_without_keys_nothing_happens(
    walk: Callable[..., Iterator[tuple[str, Future[str]]]],
) -> None:
    assert list(walk(lambda key: key, [])) == []
    assert leftover() == []


def test_one_by_one_begins_with_a_shard_when_the_one_before_is_dealt_with() -> None:
    happened: list[str] = []

    def process(key: str) -> str:
        happened.append(f"{key} made")
        return in_turn(lambda: key)

    for key, outcome in one_by_one(process, KEYS[:2]):
        assert outcome.result() == key
        happened.append(f"{key} noted")
    assert happened == ["s0 made", "s0 noted", "s1 made", "s1 noted"]
