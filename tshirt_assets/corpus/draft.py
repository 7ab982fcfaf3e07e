"""A row on its way to a canonical sample: the messages read so far and the first fault found."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tshirt_assets.corpus.records import Undecodable
from tshirt_assets.corpus.sample import Message
from tshirt_assets.corpus.status import Status

KINDS = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
}
# A string of JSON text, or a number that JSON lacks.
_NOT_FINITE = re.compile(r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN')


@dataclass(slots=True)
class Draft:
    """What a format reader has found in one row; reading goes on after a fault.

    `instruction` stays None where it is to be flattened from the messages; it and `input` are of
    the last turn. `used` are the source fields that need not be kept as extra, `leftover` are
    fields to keep beside the others.
    """

    messages: list[Message] = field(default_factory=list)
    instruction: str | None = None
    input: str = ""
    used: set[str] = field(default_factory=set)
    leftover: dict[str, Any] = field(default_factory=dict)
    status: Status = Status.OK
    detail: str | None = None

    def refuse(self, status: Status, detail: str) -> None:
        """Record a fault; the first one names the row's status."""
        if self.status is Status.OK:
            self.status, self.detail = status, well_formed(detail)

    def text(self, value: Any, name: str) -> str:
        """The text of a field; anything but well-formed text is a fault, and kept as text."""
        if isinstance(value, bytes):
            value = value.decode("utf-8", "surrogateescape")
        if isinstance(value, str):
            clean = well_formed(value)
            if clean != value:
                self.refuse(Status.NOT_TEXT, f"{name} has bytes or surrogates that are not UTF-8")
            return clean
        if is_missing(value):
            self.refuse(Status.MISSING_FIELD, f"{name} is null")
            return ""
        if isinstance(value, Undecodable):
            self.refuse(Status.NOT_TEXT, f"{name} {value}")
            return ""
        kind = KINDS.get(type(value), f"a {type(value).__name__}")
        self.refuse(Status.NOT_TEXT, f"{name} is {kind}")
        return json_text(value)


def well_formed(text: str) -> str:
    """The text with every lone surrogate, which no UTF-8 can hold, replaced by U+FFFD."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def is_missing(value: Any) -> bool:
    """Whether a value stands for none: null, or the NaN that pandas writes for it."""
    return value is None or (isinstance(value, float) and value != value)


def without_missing(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with None for every value that stands for none."""
    return {key: None if is_missing(value) else value for key, value in fields.items()}


def json_text(value: Any) -> str:
    """A value as JSON; what JSON lacks (dates, bytes) as text, NaN and infinities as null.

    Never raises: of what cannot be written, as it is nested too deeply, the text says so.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except Exception as error:
        if isinstance(value, dict):  # the other members are good
            parts = (f"{json_text(str(key))}: {json_text(part)}" for key, part in value.items())
            return f"{{{', '.join(parts)}}}"
        text = json.dumps(f"cannot be written as JSON ({type(error).__name__})")
    if "NaN" in text or "Infinity" in text:
        text = _NOT_FINITE.sub(lambda m: m[0] if m[0].startswith('"') else "null", text)
    return well_formed(text)
