"""How pieces are dealt to workers and tried again; the processes themselves: tests/runs."""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import Pipe
from typing import Any

import pytest

from tshirt_assets.commands.piece import Outcome, Piece
from tshirt_assets.commands.workers import make_together
from tshirt_assets.incremental.catalog import (
    ASSETS,
    CONTENDERS,
    SAMPLES,
    SELECTED_SUBSET,
    TOKEN_SCORES,
    in_phases,
)

SHARDS = [f"s{number:02}" for number in range(12)]
Behaviour = Callable[[int, Piece], Outcome | None]


class FakeWorker:
    """Answers every piece at once; None: it is dead."""

    def __init__(self, number: int, behaviour: Behaviour):
        self.number, self.alive = number, True
        self.connection, self._other = Pipe()
        self._behaviour = behaviour
        self._answers: deque[Outcome | None] = deque()

    def send(self, piece: Piece) -> None:
        self._answers.append(self._behaviour(self.number, piece))
        self._other.send("")

    def receive(self) -> Outcome | None:
        self.connection.recv()
        answer = self._answers.popleft()
        self.alive = answer is not None
        return answer


@dataclass
class FakeCrew:
    """Workers that behave as told, and what they were given."""

    count: int
    behaviour: Behaviour
    made: list[tuple[int, Piece]] = field(default_factory=list)
    retired: list[int] = field(default_factory=list)
    running: dict[int, FakeWorker] = field(default_factory=dict)

    def free(self, busy: Collection[FakeWorker]) -> list[int]:
        return sorted(set(range(1, self.count + 1)) - {worker.number for worker in busy})

    def get(self, number: int) -> FakeWorker:
        if number not in self.running or not self.running[number].alive:
            self.running[number] = FakeWorker(number, self._logged)
        return self.running[number]

    def retire(self, worker: FakeWorker) -> None:
        self.retired.append(worker.number)

    def bury(self, worker: FakeWorker, piece: Piece) -> Outcome:
        return Outcome(wholly=True, reasons=(f"{piece}: worker {worker.number} died",))

    def _logged(self, number: int, piece: Piece) -> Outcome | None:
        self.made.append((number, piece))
        return self.behaviour(number, piece)


def good(_number: int, _piece: Piece) -> Outcome:
    return Outcome()


def make(
    behaviour: Behaviour,
    count: int = 2,
    phase: Any = (TOKEN_SCORES,),
    ranges: Sequence[Sequence[str]] = (SHARDS,),
    shards_per_run: int | None = 3,
) -> tuple[Outcome, FakeCrew]:
    crew = FakeCrew(count, behaviour)
    return make_together(crew, shards_per_run, phase, ranges), crew  # type: ignore[arg-type]


def keys(crew: FakeCrew) -> Iterator[tuple[str, ...]]:
    return (piece.keys for _, piece in crew.made)


def test_every_shard_is_made_once_in_pieces_that_are_ranges() -> None:
    outcome, crew = make(good, ranges=(SHARDS[:4], SHARDS[5:]))
    assert outcome.success
    made = sorted(keys(crew))
    assert [key for part in made for key in part] == SHARDS[:4] + SHARDS[5:]
    assert [len(part) for part in made] == [3, 1, 3, 3, 1]
    assert {number for number, _ in crew.made} == {1, 2}


def test_without_a_number_every_worker_has_several_pieces() -> None:
    many = [f"s{number:04}" for number in range(1000)]
    _, crew = make(good, count=4, ranges=(many,), shards_per_run=None)
    assert len(crew.made) == 32


def test_the_recipes_are_one_piece() -> None:
    _, crew = make(good, phase=[SELECTED_SUBSET], ranges=[("tshirt", "miwv")])
    assert list(keys(crew)) == [("tshirt", "miwv")]


def test_what_stands_over_the_corpus_is_made_side_by_side_unless_it_is_made_from_each_other() -> (
    None
):
    [phase] = [p for p in in_phases(ASSETS.values()) if p[0].unit == "corpus"]
    outcome, crew = make(good, count=2, phase=phase, ranges=[()])
    assert outcome.success
    assert sorted((piece.assets, piece.keys) for _, piece in crew.made) == [
        (("contenders", "calibration"), ()),
        (("neighbours",), ()),
        (("search",), ()),
    ]
    assert {number for number, _ in crew.made} == {1, 2}


def test_no_more_workers_are_used_than_there_are_pieces() -> None:
    _, crew = make(good, count=8, ranges=(SHARDS[:2],), shards_per_run=1)
    assert set(crew.running) == {1, 2}


def test_what_fails_on_one_worker_is_tried_by_another(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(number: int, piece: Piece) -> Outcome:
        bad = frozenset(piece.keys) & {"s01", "s07"}
        return (
            Outcome(bad, reasons=("token_scores: broken",) * bool(bad))
            if number == 1
            else good(0, piece)
        )

    outcome, crew = make(broken)
    assert outcome.success
    for shard in set(SHARDS) - {"s01", "s07"}:
        assert sum(shard in part for part in keys(crew)) == 1
    for number, piece in crew.made:
        if piece.keys in (("s01",), ("s07",)):
            assert number == 2
    said = capsys.readouterr().err.splitlines()
    assert set(said) <= {"warning: token_scores: broken; another worker tries again"}
    assert crew.retired == [1] * len(said)


def test_a_worker_is_not_replaced_for_a_file_that_cannot_be_read() -> None:
    def unreadable(_number: int, piece: Piece) -> Outcome:
        bad = frozenset(piece.keys) & {"s03"}
        return Outcome(bad, reasons=("samples: cut off",) * bool(bad))

    outcome, crew = make(unreadable, phase=[SAMPLES])
    assert outcome.failed == {"s03"}
    assert crew.retired == []
    assert sum(part == ("s03",) for part in keys(crew)) == 1


def test_of_a_piece_that_kills_only_the_killer_is_given_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    outcome, crew = make(lambda _, piece: None if "s04" in piece.keys else Outcome())
    assert outcome.failed == {"s04"}
    assert not outcome.success
    for shard in SHARDS:
        assert sum(shard in part for part in keys(crew)) == (2 if shard[1:] in "030405" else 1)
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("warning: token_scores of 3 partitions: worker ")
    assert first.endswith(" died; another worker tries again")
    assert second.startswith("error: token_scores of s04: worker ")


@pytest.mark.parametrize("deadly", [True, False])
def test_a_phase_ends_when_all_workers_fail(
    deadly: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = None if deadly else Outcome(wholly=True, reasons=("no such model",))
    outcome, crew = make(lambda *_: failure, shards_per_run=1)
    assert not outcome.success
    assert outcome.failed == set(SHARDS)
    assert len(crew.made) == 4
    assert "all workers fail, 10 shards are not tried any more" in capsys.readouterr().err


def test_a_failure_over_the_corpus_is_tried_by_another() -> None:
    outcome, crew = make(
        lambda number, _: None if number == 1 else Outcome(), phase=[CONTENDERS], ranges=[()]
    )
    assert outcome.success
    assert [number for number, _ in crew.made] == [1, 2]
