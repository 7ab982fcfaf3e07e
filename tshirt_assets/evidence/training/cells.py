"""One training each: what it depends on, and what it found, kept in a file of its own."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tshirt_assets.scoring.tokenize import TokenizedSample


@dataclass(frozen=True, slots=True)
class Cell:
    """A training on some rows (sample id and response tokens each) with one seed and rate."""

    rows: tuple[tuple[str, int], ...]
    seed: int
    learning_rate: float

    @staticmethod
    def of(rows: "Sequence[TokenizedSample]", seed: int, learning_rate: float) -> "Cell":
        """The training on these rows, in this order."""
        return Cell(
            tuple((row.sample_id, len(row.response_ids)) for row in rows), seed, learning_rate
        )

    @property
    def tokens(self) -> int:
        """Response tokens of its rows."""
        return sum(tokens for _, tokens in self.rows)


@dataclass(frozen=True, slots=True)
class Losses:
    """Nats per response token after a training, of every row of each held-out part in order.

    steps: the training loss of every step. seconds: what the training took with its measurement.
    """

    test: list[float]
    validation: list[float]
    outside: list[float]
    steps: list[float]
    seconds: float

    @property
    def score(self) -> float:
        """What a learning rate is chosen by."""
        return float(np.mean(self.validation))

    @property
    def finite(self) -> bool:
        """Whether all of them are numbers."""
        every = [*self.test, *self.validation, *self.outside, *self.steps]
        return bool(np.isfinite(every).all())

    def drift(self, other: "Losses") -> float:
        """The largest difference of a held-out loss to that of another run of the same cell."""
        mine, theirs = (np.array([*a.test, *a.validation, *a.outside]) for a in (self, other))
        return float(np.abs(mine - theirs).max())


class KeptCells:
    """The finished trainings in a folder; another model, other options or rows are other files."""

    def __init__(self, folder: Path, shared: Mapping[str, Any]):
        self._folder, self._shared = folder, dict(shared)
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, cell: Cell) -> Losses | None:
        """What a training found; None where it is not finished, or its file is damaged."""
        try:
            found = json.loads(self._file(cell).read_text(encoding="utf-8"))
            return Losses(**found["losses"])
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def keep(self, cell: Cell, losses: Losses) -> None:
        """Write a finished training, in whole or not at all."""
        file = self._file(cell)
        kept = {"identity": self._shared | asdict(cell), "losses": asdict(losses)}
        part = file.with_suffix(".part")
        part.write_text(json.dumps(kept), encoding="utf-8")
        os.replace(part, file)

    def _file(self, cell: Cell) -> Path:
        identity = json.dumps(self._shared | asdict(cell), sort_keys=True)
        return (
            self._folder / f"{hashlib.blake2b(identity.encode(), digest_size=8).hexdigest()}.json"
        )
