"""What evidence is asked for: kinds of corruption, their share, rows, seeds."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from tshirt_assets.config.messages import did_you_mean
from tshirt_assets.evidence.evidence_error import EvidenceError
from tshirt_assets.evidence.kinds import KINDS

SHARES: Final = (0.05, 0.10, 0.20)
"""Budgets at which selections are looked at, as shares of the usable rows."""
FEWEST_ROWS: Final = 10


@dataclass(frozen=True, slots=True)
class EvidenceOptions:
    """kinds: of corruption. rate: of corrupted rows in all. rows: most rows of the copy.

    seeds: how many copies are planted, with the seeds `seed`, `seed + 1` and so on. Raises
    `EvidenceError` for an unknown kind and for a rate that leaves nothing to compare.
    """

    kinds: tuple[str, ...] = tuple(KINDS)
    rate: float = 0.35
    rows: int = 2_000
    seed: int = 0
    seeds: int = 1

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise EvidenceError(
                    f"there is no kind {kind!r}{did_you_mean(kind, KINDS)}; there are: "
                    f"{', '.join(KINDS)}"
                )
        if not 0 < self.rate < 1:
            raise EvidenceError(f"--rate: {self.rate} is not a share above 0 and below 1")
        if not self.kinds:
            raise EvidenceError(f"--kinds: name at least one of {', '.join(KINDS)}")

    @property
    def all_seeds(self) -> tuple[int, ...]:
        """The seed of every copy."""
        return tuple(range(self.seed, self.seed + self.seeds))

    def values(self) -> dict[str, Any]:
        """As plain values, for files."""
        return asdict(self) | {"kinds": list(self.kinds)}
