"""Which faults of a source pass, how long is waited for them, and what is said of the others."""

import errno
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from tshirt_assets.corpus import patience
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.patience import (
    FIRST_TRIES,
    LONGEST_PAUSE,
    PAUSES,
    ChangedError,
    GoneError,
    StatusError,
    patient,
)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(patience.time, "sleep", pauses.append)
    return pauses


class Failing:
    """A request that fails with these errors before it succeeds."""

    def __init__(self, *errors: Exception):
        self.errors: Iterator[Exception] = iter(errors)

    def __call__(self) -> str:
        for error in self.errors:
            raise error
        return "good"


def answered(status: int) -> Exception:
    error = RuntimeError(f"status {status}")
    error.response = SimpleNamespace(status_code=status)  # type: ignore[attr-defined]
    return error


def hidden() -> Exception:
    error = FileNotFoundError("owner/name (repository not found)")
    error.__cause__ = answered(401)
    return error


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError("reset"),
        TimeoutError("slow"),
        StatusError(503, "Slow Down"),
        StatusError(429, "Too Many Requests"),
        answered(500),
        OSError(errno.EBUSY, "SlowDown"),
    ],
)
def test_what_passes_is_tried_again(error: Exception, slept: list[float]) -> None:
    assert patient("u", Failing(error, error)) == "good"
    assert slept == PAUSES[:2]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileNotFoundError("x"), "is not there"),
        (answered(404), "is not there"),
        (PermissionError("x"), "access is denied"),
        (StatusError(401, "Unauthorized"), "access is denied"),
        (answered(403), "access is denied"),
        (hidden(), "access is denied"),
        (ChangedError(), "changed while it was read"),
        (answered(412), "changed while it was read"),
        (OSError(errno.EINVAL, "Bad Request"), "no credential has expired"),
        (answered(400), "the request is refused"),
        (ValueError("no such endpoint"), r"cannot be opened \(no such endpoint\)"),
    ],
)
def test_what_lasts_is_said_at_once(error: Exception, words: str, slept: list[float]) -> None:
    with pytest.raises(CorpusError, match=f"^u: .*{words}") as caught:
        patient("u", Failing(error))
    assert slept == []
    assert isinstance(caught.value, GoneError) is ("is not there" in words)


def test_a_source_is_given_up_sooner_where_nothing_was_read_yet(slept: list[float]) -> None:
    with pytest.raises(CorpusError, match=r"cannot be reached after 7 tries \(\*\*\* refused\)"):
        patient("u", Failing(*[ConnectionError("secret refused")] * 9), secrets=["secret"])
    assert slept == PAUSES
    slept.clear()
    with pytest.raises(CorpusError, match=f"after {FIRST_TRIES} tries"):
        patient("u", Failing(*[ConnectionError("refused")] * 9), first=True)
    with pytest.raises(CorpusError, match="is busy or fails after 7 tries"):
        patient("u", Failing(*[StatusError(503, "")] * 9), first=True)
    assert len(slept) == FIRST_TRIES - 1 + len(PAUSES)


def test_a_source_may_ask_for_a_longer_pause_but_not_for_any(slept: list[float]) -> None:
    waits = [StatusError(429, "", 7.0), StatusError(429, "", 1e6)]
    assert patient("u", Failing(*waits)) == "good"
    assert slept == [7.0, LONGEST_PAUSE]
