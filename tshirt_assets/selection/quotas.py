"""Shares of the budget reserved for domains that a global ranking would never pick."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Seats:
    """The rows still to be selected: some reserved for domains, the rest free."""

    free: int
    reserved: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        budget: int,
        quotas: Mapping[str, float],
        available: Mapping[str, int],
        seated: Sequence[str | None] = (),
    ) -> "Seats":
        """Reserve floor(share * budget) seats per domain, at most the rows `available` there.

        seated: the domains of rows that have seats beside the `budget` already. Quotas are shares
        of all seats, theirs count, and a domain has no more reserved than they leave.
        """
        there = Counter(seated)
        free, reserved = budget, dict[str, int]()
        for domain, share in quotas.items():
            wanted = max(0, quota_rows(share, budget + len(seated)) - there[domain])
            reserved[domain] = min(wanted, available.get(domain, 0), free)
            free -= reserved[domain]
        return cls(free, reserved)

    @property
    def left(self) -> int:
        """Seats not taken yet."""
        return self.free + sum(self.reserved.values())

    def open_to(self, domain: str | None) -> bool:
        """True if a row of this domain can still be seated."""
        return self.free > 0 or (domain is not None and self.reserved.get(domain, 0) > 0)

    def take(self, domain: str | None) -> None:
        """Seat a row, on a reserved seat of its domain first."""
        if domain is not None and self.reserved.get(domain, 0) > 0:
            self.reserved[domain] -= 1
        else:
            self.free -= 1


def quota_rows(share: float, budget: int) -> int:
    """Rows that a quota asks for: the share of the budget, rounded down."""
    return math.floor(share * budget + 1e-9)


def fill(
    order: Iterable[int],
    domains: Sequence[str | None],
    seats: Seats,
    admits: Callable[[int], bool] | None = None,
    on_take: Callable[[int], None] | None = None,
) -> tuple[list[int], list[int], list[int]]:
    """Walk the ranking `order` (row indices, best first) until every seat is taken.

    Each domain's quota goes to its best rows and the free seats to the best of the others; reserved
    seats that nobody can take become free. `admits` may turn rows down (a near-duplicate of a row
    taken before); `on_take` hears of each row taken. Returns the rows taken (in the order taken),
    those passed over because only other domains' seats were left, and those turned down.
    """
    taken: list[int] = []
    refused: list[int] = []
    pending: Iterable[int] = order
    while True:
        passed: list[int] = []
        for index in pending:
            if seats.left == 0:
                break
            if not seats.open_to(domains[index]):
                passed.append(index)
            elif admits is not None and not admits(index):
                refused.append(index)
            else:
                seats.take(domains[index])
                if on_take is not None:
                    on_take(index)
                taken.append(index)
        if seats.left == 0 or not passed or not any(seats.reserved.values()):
            return taken, passed, refused
        seats.free, seats.reserved = seats.left, {}
        pending = passed
