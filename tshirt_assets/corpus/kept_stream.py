"""The one compressed file that stays open between two shards, which are read in order.

A gzip or zstd file can be read from its beginning only, or from that of a frame: a run that reads
its shards one after the other would decompress it once for each.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Stream:
    """An iterator of the items of a file, in front of item `row`. `source` names what it reads."""

    source: tuple[str, str, int]  # path, version and limit
    row: int
    items: Iterator[Any]
    process: int = field(default_factory=os.getpid)  # a fork would share the position in the file


_kept: list[Stream] = []


def take(source: tuple[str, str, int], row: int) -> Stream | None:
    """The kept stream, if it reads this source and is in front of this row; it is kept no more."""
    try:
        stream = _kept.pop()
    except IndexError:
        return None
    here = stream.process == os.getpid() and stream.source == source and stream.row == row
    return stream if here else None


def keep(stream: Stream) -> None:
    """Keep a stream in the place of any other."""
    _kept[:] = [stream]
