"""One plain line per fault of a configuration: the key, what is wrong, what to write instead."""

import datetime
import difflib
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from reprlib import Repr
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from tshirt_assets.config.walker import Place, locate

_EXPECTED = {  # by pydantic's type of a fault: what it would have taken
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
}
_IMPOSSIBLE = (  # faults of a value that has the right type
    "literal_error",
    "greater_than",
    "greater_than_equal",
    "less_than",
    "less_than_equal",
    "too_short",
    "string_pattern_mismatch",
)
_SHOWN = ("bool_parsing", "float_parsing", "finite_number", "int_parsing", "int_from_float")
_PER_CENT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*%\s*")
_ALIKE = 0.7  # difflib's ratio from which a key counts as a misspelling of another
_LONGEST = 60  # characters of a key or a value that a message repeats


def fault_lines(error: ValidationError, root: type[BaseModel], source: str) -> list[str]:
    """One line per fault of a validation error of `root`: source, key, what is wrong, a remedy.

    Of several faults at one place, such as one per member of a union, the first is told; of
    faults inside each other the innermost.
    """
    lines: dict[tuple[str | int, ...], str] = {}
    for fault in error.errors(include_url=False):
        key, message = _explain(fault, root)
        lines.setdefault(key, ": ".join(filter(None, [source, key_text(key), message])))
    return [
        line
        for key, line in lines.items()
        if not any(other[: len(key)] == key for other in lines if len(other) > len(key))
    ]


def key_text(parts: Iterable[str | int]) -> str:
    """A key as one would write it in a sentence: `recipes.best.budget`; always one short line."""
    return ".".join(_short(str(part)) for part in parts)


def _explain(fault: Mapping[str, Any], root: type[BaseModel]) -> tuple[tuple[str | int, ...], str]:
    """The key of a fault, and what to say about it."""
    kind, value, location = fault["type"], fault["input"], fault["loc"]
    if kind in ("extra_forbidden", "invalid_key"):
        place = locate(root, location[:-1])
        return (*place.key, location[-1]), _unknown_key(str(location[-1]), place.model or root)
    place = locate(root, location)
    return place.key, _message(kind, value, place, fault["msg"])


def _message(kind: str, value: Any, place: Place, told: str) -> str:
    option = place.option
    if kind == "value_error":
        return told.removeprefix("Value error, ")  # our own validators name key and remedy
    if kind == "missing":
        meaning = f". {option.description}" if option and option.description else ""
        return f"Field required; allowed: {place.allowed}{meaning}"
    if kind in _EXPECTED or kind == "model_type":
        expected = _EXPECTED.get(kind) or (option.item if option else place.allowed)
        shown = _text(value) if kind in _SHOWN else _sort(value)
        remedy = _remedy(kind, value, place)
        repeated = remedy == f"allowed: {expected.removeprefix('a ')}"
        return f"expected {expected}, not {shown}" + f"; {remedy}" * (not repeated)
    if kind in _IMPOSSIBLE:
        choices = option.choices if option and isinstance(value, str) else ()
        guess = did_you_mean(value, choices) if choices else ""
        return f"{_text(value)} is not allowed; allowed: {place.allowed}{guess}"
    return f"{told}; allowed: {place.allowed}"


def _unknown_key(key: str, model: type[BaseModel]) -> str:
    names = sorted(model.model_fields)
    return f"unknown key; allowed here: {', '.join(names)}{did_you_mean(key, names)}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean x?` with the known word that is most like this one; empty if none is."""
    near = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=_ALIKE)
    return f"; did you mean {near[0]}?" if near else ""


def _remedy(kind: str, value: Any, place: Place) -> str:
    """What to write instead of a value of the wrong type."""
    option = place.option
    if value is None and option is not None and not (option.required or place.is_item):
        return "leave the key out for the default"
    if kind == "model_type" and place.model is not None:
        return f"allowed here: {', '.join(sorted(place.model.model_fields))}"
    if kind == "tuple_type" and isinstance(value, str):
        one_line = value.isprintable() and len(value) <= _LONGEST
        listed = yaml.safe_dump([value], default_flow_style=True, width=200, allow_unicode=True)
        return f"write a list: {listed.strip() if one_line else '[..]'}"
    if kind == "string_type" and isinstance(value, bool | int | float | datetime.date):
        return "put it in quotes"
    share = _PER_CENT.fullmatch(value) if isinstance(value, str) else None
    if kind == "float_parsing" and share:
        return f"write {float(Decimal(share[1]) / 100)}"
    return f"allowed: {place.allowed}"


def _text(value: Any) -> str:
    """A value in one short line: numbers and words as they are, of others only the sort."""
    if isinstance(value, str):
        return quoted(value)
    short = type(value) is float or (type(value) is int and value.bit_length() < 200)
    return str(value) if short else _sort(value)


def _sort(value: Any) -> str:
    """What sort of thing a value is: enough to say, and it repeats no credential."""
    if value is None:
        return "an empty value"
    if isinstance(value, bool):
        return str(value).lower()
    if value in ((), []):
        return "an empty list"
    sorts = {str: "text", int: "a number", float: "a number", dict: "a mapping"}
    sorts |= {list: "a list", tuple: "a list", datetime.date: "a date", datetime.datetime: "a date"}
    return sorts.get(type(value), f"a {type(value).__name__}")


def _short(part: str) -> str:
    return part if part.isprintable() and len(part) <= _LONGEST else quoted(part)


def quoted(text: str) -> str:
    """A text in quotes, its middle left out where it is long."""
    shortened = Repr()
    shortened.maxstring = _LONGEST
    return shortened.repr(text)
