"""What a verification looked at, and what it found."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tshirt_assets.incremental.catalog import owner
from tshirt_assets.incremental.judgements import JUDGEMENTS
from tshirt_assets.store.faults import StoreError


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that does not fit, and what to do about it."""

    place: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return " ".join(f"{self.place}: {self.problem}; {self.remedy}".split())


@dataclass(slots=True)
class Verification:
    """How much was read, and the faults that were found.

    rows, bytes: of the tables and files that were read in whole. notes: what could not be checked
    because an earlier version recorded nothing to check it by; no fault.
    """

    tables: int = 0
    rows: int = 0
    files: int = 0
    bytes: int = 0
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, place: str, problem: str, remedy: str) -> None:
        """Note a fault."""
        fault = Fault(place, problem, remedy)
        if fault not in self.faults:
            self.faults.append(fault)

    def add_all(self, place: str, table: str, problems: Iterable[str]) -> None:
        """Note faults that go when the asset which writes `table` is materialized again.

        `table` may name the partition as well. What the search itself dies of is a fault too.
        """
        remedy = mended_by(table)
        with self.guarded(place, remedy):
            for problem in problems:
                self.add(place, problem, remedy)

    @contextmanager
    def guarded(self, place: str, remedy: str) -> Iterator[None]:
        """A check that dies has found something of a shape that nobody thought of."""
        try:
            yield
        except StoreError as error:
            self.add(place, "cannot be read", str(error))
        except Exception as error:
            reason = f"{type(error).__name__}: {str(error)[:200]}"
            self.add(place, f"cannot be checked ({reason})", remedy)


def mended_by(table: str) -> str:
    """What to do about a damaged table; its name may be followed by that of the partition."""
    name, _, partition = table.partition(" ")
    if name == JUDGEMENTS:
        return "restore it from a backup: what people have said cannot be computed again"
    return f"materialize {' '.join(filter(None, (owner(name), partition)))} again"


def place_of(table: str, partition: str | None) -> str:
    """How faults name a table."""
    return table if partition is None else f"{table} {partition}"
