"""The rows in JSON text one after the other, however long it is and whatever is wrong in it.

The text is an array, or values one after the other, with or without commas between them. A value
that cannot be decoded is a `Fault`, and reading goes on at the next one.
"""

import re
from collections.abc import Iterator
from typing import Any

from tshirt_assets.corpus.json_window import SEPARATORS, Fault, Window
from tshirt_assets.corpus.records import ROW_FIELDS, TURN_FIELDS, Undecodable

_TURN = re.compile(r'\s*\{\s*"(from|role|value|content)"')
_NAME = re.compile(r'[\s,]*"((?:[^"\\]|\\.)*)"\s*:\s*')


class Refused(Exception):
    """The rows are laid out in a way that cannot be read; the message says what to do."""


def json_values(window: Window) -> Iterator[Any]:
    """Decoded values of the text in order: the elements of arrays, and single values.

    One object that holds the rows as its only list of objects, `{"data": [...]}` for example,
    stands for them. A value of more than the window's limit of characters is a `Fault`.

    Raises `Refused` where rows are laid out in a way that is not one after the other.
    """
    if not window.resumed and window.peek() == "{":
        first, reason = window.attempt()
        if reason is None and isinstance(first, dict) and not window.peek() and not window.broken:
            window.lost = True  # all values were in the one
            yield from _unwrapped(first)
            return
        if reason is None or not _enter_list(window):
            yield first if reason is None else window.skip(reason)
    if window.inside:
        yield from _elements(window)
    if window.wrapper is not None:
        yield from _after_list(window, window.wrapper)
        return
    while found := window.peek():
        if found == "[":
            window.at += 1
            window.inside = window.array
            yield from _elements(window)
        elif found in "]}":  # left over from a value that was broken
            window.at += 1
        else:
            yield window.value()
    if window.broken:
        yield Fault(window.broken, ends=True)


def _elements(window: Window) -> Iterator[Any]:
    """Elements of the array that this is in, up to its end."""
    while found := window.peek():
        if found == "]":
            window.at += 1
            window.inside = ""
            return
        value, reason = window.attempt()
        if reason is None:
            yield value
            continue
        fault = window.skip(reason)
        yield fault
        if fault.ends:
            return
    yield Fault(window.why_it_ends, ends=True)
    window.broken, window.ended_early = "", True


def _unwrapped(value: dict[str, Any]) -> Iterator[Any]:
    """The rows of a text that is one object: the elements of its list of rows, or itself."""
    lists = [name for name, part in value.items() if _is_list_of_rows(part)]
    columns = [tuple(part) for part in value.values() if isinstance(part, dict) and part]
    if len(value) > 1 and len(columns) == len(value) and len(set(columns)) == 1:
        raise Refused("holds columns, not rows; write one row per line (pandas: lines=True)")
    if not lists and not ROW_FIELDS & value.keys():
        for name, part in value.items():
            if isinstance(part, Undecodable):
                raise Refused(f"holds {name!r} more than once; write a file of each")
    if not lists or ROW_FIELDS & (value.keys() - set(lists)):
        yield value
    elif len(lists) == 1:
        yield from value[lists[0]]
    else:
        raise Refused(f"holds several lists of rows ({', '.join(lists)}); write a file of each")


def _is_list_of_rows(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    objects = [part for part in value if isinstance(part, dict)]
    return bool(objects) and not any(part.keys() & TURN_FIELDS for part in objects)


def _enter_list(window: Window) -> bool:
    """Go into the first list of objects of an object that cannot be decoded as a whole.

    False, without going anywhere, where the object is a row itself.
    """
    at = window.at + 1
    while member := _NAME.match(window.text, at):
        at = member.end()
        if window.text.startswith("[", at):
            inside = SEPARATORS.match(window.text, at + 1)
            after = inside.end() if inside else at
            if window.text.startswith("{", after) and not _TURN.match(window.text, after):
                window.at, window.wrapper = at + 1, member[1]
                window.inside = window.array
                return True
        if member[1] in ROW_FIELDS:
            return False
        try:
            _, at = window.decode(window.text, at)
        except Exception:  # the fault lies in front of any list
            return False
    return False


def _after_list(window: Window, name: str) -> Iterator[Fault]:
    """What follows the list of an object that stands for its rows must hold no other rows."""
    if window.ended_early:
        return
    found = window.peek()
    if found == "}":
        window.at += 1
        found = window.peek()
        reason = f"there is more text after the object that holds {name!r}"
    elif found == '"':
        rest = window.text[window.at :]
        member = _NAME.match(rest)
        more = "the list {!r}" if "[" in rest else "{!r}"
        reason = f"there is more after the list {name!r}: " + more.format(member and member[1])
        if "[" not in rest and not window.grow():
            return  # a few single values
    else:
        reason = window.why_it_ends if not found else f"found {found!r} after the list {name!r}"
        found = "?"
    if found:
        yield Fault(reason, ends=True)
