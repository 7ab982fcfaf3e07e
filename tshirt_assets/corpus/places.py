"""Places in a file at which reading can begin, so that a late row costs what a first one does."""

import json
from bisect import bisect_right
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from tshirt_assets.corpus.bytestream import Frames

STEP: Final = 100  # records between two places, more in a file that has more than
MOST_PLACES: Final = 2048  # of these


@dataclass(frozen=True, slots=True)
class Place:
    """A place in front of record `row`, counted from 0.

    `offset`: bytes of content before it, without a UTF-8 mark; in a columnar file the number of a
    batch. `state` and `layout` are what the reader of the format must know, the one at this place,
    the other anywhere in the file.
    """

    row: int
    offset: int
    state: tuple[int, ...]
    layout: dict[str, Any]


class Places:
    """Collects places while a file is read: one every `STEP` records, at most `MOST_PLACES`."""

    def __init__(self) -> None:
        self.found: list[tuple[int, ...]] = []
        self.step = STEP
        self.next = STEP  # the first record in front of which another place is wanted

    def add(self, row: int, place: tuple[int, ...]) -> None:
        """Note the place in front of a record: its offset and the reader's state."""
        self.found.append((row, *place))
        if len(self.found) > MOST_PLACES:
            del self.found[::2]
            self.step *= 2
        self.next = self.found[-1][0] + self.step


@dataclass(frozen=True)
class FileIndex:
    """What one pass over a file tells: how many records it has, and where reading can begin.

    `version` is the file's; None where the index must not be kept. `layout` is what the format's
    reader must know anywhere in the file.
    """

    rows: int
    version: str | None = None
    layout: dict[str, Any] = field(default_factory=dict)
    places: list[tuple[int, ...]] = field(default_factory=list)
    frames: Frames = field(default_factory=Frames)

    def before(self, row: int) -> Place | None:
        """The last place that is not behind a record; None: the file's beginning."""
        found = bisect_right(self.places, row, key=lambda place: place[0])
        if not found:
            return None
        first, offset, *state = self.places[found - 1]
        return Place(first, offset, tuple(state), self.layout)

    def to_json(self) -> bytes:
        """The index as one line of JSON."""
        parts = {**vars(self), "frames": asdict(self.frames)}
        return json.dumps(parts, separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "FileIndex":
        """The index that `to_json` wrote."""
        parts = json.loads(text)
        starts = [(position, content) for position, content in parts["frames"].pop("starts")]
        parts["frames"] = Frames(starts, **parts["frames"])
        parts["places"] = list(map(tuple, parts["places"]))
        return cls(**parts)
