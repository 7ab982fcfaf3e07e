"""How trainings are compared: seeds, learning rates, and how much of what is trained."""

from dataclasses import dataclass
from pathlib import Path

from tshirt_assets.evidence.evidence_error import EvidenceError


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """Enough to see a model learn on a CPU, not to make a good model.

    seeds: orders of the rows. learning_rates: tried with the first seed; the best on the
    validation rows is used with all. epochs: passes over the rows. layers: last ones, which are
    trained. held_out: rows that nobody trains on, at most a quarter of the corpus. randoms: random
    subsets. full: whether all rows are trained on as well. rows_per_step: per optimizer step.
    max_length: longest prompt + response in tokens. outside: file of rows of another domain.
    """

    seeds: int = 3
    learning_rates: tuple[float, ...] = (2e-4, 6e-4)
    epochs: int = 2
    layers: int = 2
    held_out: int = 60
    randoms: int = 5
    full: bool = True
    rows_per_step: int = 2
    max_length: int = 256
    outside: Path | None = None

    def __post_init__(self) -> None:
        for name in ("seeds", "epochs", "layers", "held_out", "randoms", "rows_per_step"):
            if (value := getattr(self, name)) < 1:
                raise EvidenceError(f"--{name.replace('_', '-')}: at least 1, not {value}")
        rates = self.learning_rates
        if not rates or not all(0 < rate < 1 for rate in rates) or len({*rates}) < len(rates):
            raise EvidenceError("--learning-rates: different numbers between 0 and 1, such as 1e-3")
