"""The records of JSON text that has not one value per line: arrays, objects over several lines."""

import codecs
from collections.abc import Iterator
from typing import Any

from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.json_lines import record_of
from tshirt_assets.corpus.json_stream import Refused, json_values
from tshirt_assets.corpus.json_window import Fault, Window
from tshirt_assets.corpus.places import Place
from tshirt_assets.corpus.records import Record


class JsonElements:
    """The elements of arrays and single values, in order.

    Iterating raises `CorpusError` where rows are laid out in a way that is not one after the other.
    """

    def __init__(
        self, path: str, chunks: Iterator[bytes], limit: int, place: Place | None = None
    ) -> None:
        self._path = path
        self._before = place.row if place else 0
        decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        self._window = Window(map(decode, chunks), limit, place)

    def __iter__(self) -> Iterator[Record]:
        try:
            for number, value in enumerate(json_values(self._window), start=self._before + 1):
                if not isinstance(value, Fault):
                    yield record_of(value, f"element {number}")
                    continue
                place = f"after element {number - 1}" if value.ends else f"element {number}"
                fault = f"{place}: {value.reason}"
                yield Record({}, fault=fault, text=value.text, ends_early=value.ends)
        except Refused as refusal:
            raise CorpusError(f"{self._path}: {refusal}") from None

    def place(self) -> tuple[int, ...] | None:
        """The state of the window, unless nothing can be read on from it."""
        return self._window.place()

    def layout(self) -> dict[str, Any]:
        """The layout of the text."""
        return {"lines": False, **self._window.layout()}
