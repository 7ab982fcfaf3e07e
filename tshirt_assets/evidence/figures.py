"""What evidence consists of, as values that files hold and that read back as they were."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from tshirt_assets.evidence.evidence_error import EvidenceError
from tshirt_assets.evidence.intervals import Estimate

FORMAT: Final = 1
"""Of the values; raised when a reader of earlier ones would misread them."""
ALL_KINDS: Final = "all"
CLEAN: Final = "clean"

ByShare = Mapping[float, Estimate]


@dataclass(frozen=True, slots=True)
class PlantedKind:
    """A kind of corruption: rows in which it was possible, and planted, over all copies."""

    name: str
    meaning: str
    possible: int
    planted: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What planted corruptions say of the scores and recipes of a corpus.

    options: what was asked for. rows: of each copy. base: the corrupted share of the usable rows.
    auc: by score and kind, the chance that a corrupted row scores above one that is not, and for
    `ALL_KINDS` of them. ruled_out: by kind, and for `CLEAN`, the share of rows with an IFD of 1 or
    above. shares: by rule (recipe or baseline) and budget, the corrupted share of what it selects.
    rules: what each rule does, recipes first. recipes: the rule of each recipe of the corpus.
    against: by rule and budget, the corrupted share of `lead` less that of the rule. limits: what
    all this cannot tell, in sentences.
    """

    corpus: str
    options: Mapping[str, Any]
    rows: int
    base: float
    kinds: tuple[PlantedKind, ...]
    auc: Mapping[str, Mapping[str, Estimate]]
    ruled_out: Mapping[str, Estimate]
    rules: Mapping[str, str]
    recipes: Mapping[str, str]
    shares: Mapping[str, ByShare]
    lead: str
    against: Mapping[str, ByShare]
    limits: tuple[str, ...]

    @property
    def budgets(self) -> list[float]:
        """The budgets that were looked at."""
        return [*next(iter(self.shares.values()))]

    def verdict(self, rule: str, budget: float) -> str:
        """Whether a rule selects more or fewer corrupted rows than random, in words."""
        found = self.shares[rule][budget].against(self.base)
        return f"{found} than random" if found else "not distinguishable"

    def values(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "format": FORMAT,
            "corpus": self.corpus,
            "options": dict(self.options),
            "rows": self.rows,
            "base": round(self.base, 4),
            "kinds": [
                {"name": k.name, "meaning": k.meaning, "possible": k.possible, "planted": k.planted}
                for k in self.kinds
            ],
            "auc": {
                score: {kind: one.values() for kind, one in found.items()}
                for score, found in self.auc.items()
            },
            "ruled_out": {kind: one.values() for kind, one in self.ruled_out.items()},
            "rules": dict(self.rules),
            "recipes": dict(self.recipes),
            "shares": {rule: _plain(found) for rule, found in self.shares.items()},
            "lead": self.lead,
            "against": {rule: _plain(found) for rule, found in self.against.items()},
            "limits": list(self.limits),
        }

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """From what `values` gave. Raises `EvidenceError` for those of another version."""
        if values.get("format") != FORMAT:
            raise EvidenceError(
                "the stored evidence is of another version of this package; run "
                "`tshirt-assets evidence` again"
            )
        fields = {name: value for name, value in values.items() if name != "format"}
        return cls(
            **fields
            | {
                "kinds": tuple(PlantedKind(**kind) for kind in values["kinds"]),
                "auc": {score: _estimates(found) for score, found in values["auc"].items()},
                "ruled_out": _estimates(values["ruled_out"]),
                "shares": {rule: _by_share(found) for rule, found in values["shares"].items()},
                "against": {rule: _by_share(found) for rule, found in values["against"].items()},
                "limits": tuple(values["limits"]),
            }
        )


def _plain(found: ByShare) -> dict[str, list[float | int | None]]:
    return {str(share): one.values() for share, one in found.items()}


def _by_share(found: Mapping[str, Any]) -> dict[float, Estimate]:
    return {float(share): one for share, one in _estimates(found).items()}


def _estimates(found: Mapping[str, Any]) -> dict[str, Estimate]:
    return {
        name: Estimate(_number(value), _number(low), _number(high), n)
        for name, (value, low, high, n) in found.items()
    }


def _number(value: float | None) -> float:
    return math.nan if value is None else value
