"""Which rows of a copy are corrupted, and how: the same for a seed, whatever runs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from tshirt_assets.evidence.kinds import KINDS, Others, SourceRow
from tshirt_assets.selection.lots import in_drawn_order


@dataclass(frozen=True, slots=True)
class Planting:
    """What was planted with one seed.

    kinds: of the corrupted rows, by sample id. responses: those planted, by sample id. possible:
    rows in which each kind could be planted.
    """

    seed: int
    kinds: Mapping[str, str]
    responses: Mapping[str, str]
    possible: Mapping[str, int]

    def count(self, kind: str) -> int:
        """Rows in which a kind was planted."""
        return sum(planted == kind for planted in self.kinds.values())


def plant(
    rows: Sequence[SourceRow],
    nearest: Mapping[str, str],
    *,
    kinds: Sequence[str],
    rate: float,
    seed: int,
) -> Planting:
    """Corrupt a share `rate` of the rows, the kinds in equal parts as far as they are possible.

    nearest: the id of the row with the nearest question, by sample id; rows may be missing. What
    becomes of a row depends on the seed, on the rows that are there and on nothing else. Of kinds
    that few rows allow the others take the part; the kind that fewest allow chooses first.
    """
    others = Others.of(rows, nearest)
    planted = {kind: _possible(kind, rows, others, seed) for kind in kinds}
    order = in_drawn_order(seed, (row.sample_id for row in rows))
    left = round(rate * len(rows))
    chosen: dict[str, str] = {}
    rarest_first = sorted(kinds, key=lambda kind: (len(planted[kind]), kind))
    for place, kind in enumerate(rarest_first):
        quota = -(-left // (len(kinds) - place))
        free = [one for one in order if one in planted[kind] and one not in chosen]
        chosen |= dict.fromkeys(free[:quota], kind)
        left -= len(free[:quota])
    return Planting(
        seed,
        kinds=chosen,
        responses={one: planted[kind][one] for one, kind in chosen.items()},
        possible={kind: len(planted[kind]) for kind in kinds},
    )


def _possible(kind: str, rows: Sequence[SourceRow], others: Others, seed: int) -> dict[str, str]:
    """The response that the kind would plant in each row in which it can."""
    found = {}
    for row in rows:
        draw = Random(f"{seed}:{kind}:{row.sample_id}")
        text = KINDS[kind].corrupt(row, others, draw)
        if text and text.strip() and text.strip() != row.response.strip():
            found[row.sample_id] = text
    return found
