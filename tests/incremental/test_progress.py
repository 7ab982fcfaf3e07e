"""Counting rows, and saying how far an asset is."""

import logging
from types import SimpleNamespace

import pytest

from tshirt_assets.incremental import progress as counted
from tshirt_assets.incremental.progress import (
    IN_PROGRESS,
    Advanced,
    Event,
    Progress,
    Tally,
    duration,
    observed,
)

LOG = logging.getLogger("test")


class Clock:
    """A clock that is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.now = 100.0
        monkeypatch.setattr(counted, "time", SimpleNamespace(monotonic=lambda: self.now))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_rows_speed_and_the_time_left_of_the_step(clock: Clock) -> None:
    """Half of the rows in 60 s: as long again is left, whether they were computed or reused."""
    tally = Tally()
    tally.add(Advanced("scores", rows=2_000))
    clock.now += 60
    tally.add(Advanced("scores", rows=3_000, computed=3_000, tokens=600_000))
    assert tally.words(10_000) == ("5,000 of 10,000 rows, 10,000 tokens/s, 1 min left in this step")
    assert tally.words(None) == "5,000 rows, 10,000 tokens/s"
    assert tally.words(5_000) == "5,000 of 5,000 rows, 10,000 tokens/s"


def test_what_takes_no_tokens_has_its_speed_in_rows(clock: Clock) -> None:
    tally = Tally()
    tally.add(Advanced("embeddings", rows=0))
    clock.now += 4
    tally.add(Advanced("embeddings", rows=100, computed=100))
    assert tally.words(300) == "100 of 300 rows, 25 rows/s, 8 s left in this step"


def test_where_nothing_is_computed_no_speed_is_made_up(clock: Clock) -> None:
    tally = Tally()
    tally.add(Advanced("scores", rows=12))
    assert tally.words(None) == "12 rows"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59, "59 s"), (61, "1 min"), (3_540, "59 min"), (7_800, "2 h 10 min")],
)
def test_a_time_is_said_in_the_units_that_matter(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_the_log_hears_every_ten_seconds_and_at_the_end(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    looked_up = []
    progress = Progress(LOG, "scores", lambda: looked_up.append("once") or 80)
    with caplog.at_level(logging.INFO):
        progress.begin(80, 8)
        assert looked_up == []  # nothing computed, nothing to say
        for _ in range(9):
            clock.now += 4
            progress.add(8, 80)
    said = [record.getMessage() for record in caplog.records if record.name == "test"]
    assert said == [
        "scores: 32 of 80 rows, 20 tokens/s, 18 s left in this step",
        "scores: 56 of 80 rows, 20 tokens/s, 10 s left in this step",
        "scores: 80 of 80 rows, 20 tokens/s",
    ]
    assert looked_up == ["once"]
    assert all(hasattr(record, key) for record in caplog.records for key in IN_PROGRESS)


def test_without_a_total_the_shards_that_have_begun_count(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    progress = Progress(LOG, "calibration")
    with caplog.at_level(logging.INFO):
        progress.begin(64, 0)
        clock.now += 2
        progress.add(64, 64)
    assert caplog.messages == ["calibration: 64 of 64 rows, 32 tokens/s"]


def test_observers_hear_what_is_counted_while_they_listen() -> None:
    heard: list[Event] = []
    progress = Progress(LOG, "scores", lambda: 10)
    progress.begin(10, 0)
    with observed(heard.append):
        progress.begin(10, 4)
        progress.add(3, 30)
    progress.add(3, 30)
    assert heard == [Advanced("scores", 4), Advanced("scores", 3, computed=3, tokens=30)]
