"""The options that a pydantic model declares, and what may be written for each of them.

The reference, the commented YAML and the messages about faults are all made of this one walk.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

Holds = Literal["one", "list", "mapping"]

_WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false"}
_LIMITS = {  # attributes of a field's metadata; the second gap takes the s of a plural
    "gt": "greater than {}",
    "ge": "greater than or equal to {}",
    "lt": "less than {}",
    "le": "less than or equal to {}",
    "min_length": "with at least {} item{}",
    "pattern": "matching `{}`",
}


@dataclass(frozen=True)
class Option:
    """One option of a model, as its annotation and field declare it."""

    name: str
    description: str
    required: bool
    default: Any
    """What holds where the option is left out; None if it is required."""
    holds: Holds
    """Whether its value is one item, a list of items, or a mapping of names to items."""
    item: str
    """What one item may be, in words: `number`, `text or options`, the words of a Literal."""
    limits: str
    """Bounds and pattern in words; empty if there are none."""
    choices: tuple[str, ...]
    """The words of a Literal; empty if any are allowed."""
    options: type[BaseModel] | None
    """The model of an item that consists of options itself."""

    @property
    def values(self) -> str:
        """What may be written for the option, in words, with its bounds."""
        whole = {"one": "{}", "list": "list of {}", "mapping": "{{name: {}}}"}[self.holds]
        return " ".join([whole.format(self.item), self.limits]).rstrip()


@dataclass(frozen=True)
class Place:
    """Where a location of a validation error points: into which model, at which option."""

    key: tuple[str | int, ...]
    """The location as the user wrote it, without pydantic's names of union members."""
    model: type[BaseModel] | None
    """The model whose options may be written here; None if options may not."""
    option: Option | None
    """The option that is here or that the item here belongs to; None for the root."""
    is_item: bool
    """True for one item of a list or a mapping, False for an option's whole value."""

    @property
    def allowed(self) -> str:
        """What may be written here, in words."""
        if self.option is None:
            return "options"
        return self.option.item if self.is_item else self.option.values


def options_of(model: type[BaseModel]) -> Iterator[Option]:
    """The options of a model, in the order of their declaration."""
    for name, field in model.model_fields.items():
        yield _option(name, field)


def groups_of(
    model: type[BaseModel], path: tuple[str, ...] = ()
) -> dict[type[BaseModel], list[tuple[str, ...]]]:
    """Every model nested in a model, with the paths of all options that take it."""
    groups: dict[type[BaseModel], list[tuple[str, ...]]] = {}
    for option in options_of(model):
        if option.options is not None:
            here = (*path, option.name)
            groups.setdefault(option.options, []).append(here)
            for nested, paths in groups_of(option.options, here).items():
                groups.setdefault(nested, []).extend(paths)
    return groups


def locate(root: type[BaseModel], location: Sequence[str | int]) -> Place:
    """Follow a location of a validation error of `root`; its last part is an option or an item.

    Parts that are neither are pydantic's names of union members and of keys; they are left out.
    """
    place = Place((), root, None, False)
    for part in location:
        key = (*place.key, part)
        option = place.option
        if option is not None and option.holds != "one" and not place.is_item:
            place = Place(key, option.options, option, True)
        elif place.model is not None and part in place.model.model_fields:
            found = _option(str(part), place.model.model_fields[str(part)])
            inside = found.options if found.holds == "one" else None
            place = Place(key, inside, found, False)
    return place


def _option(name: str, field: FieldInfo) -> Option:
    holds: Holds = "one"
    members = _members(field.annotation)
    if len(members) == 1 and get_origin(members[0]) in (list, tuple):
        holds, members = "list", _members(get_args(members[0])[0])
    elif len(members) == 1 and get_origin(members[0]) is dict:
        holds, members = "mapping", _members(get_args(members[0])[1])
    literals = [member for member in members if get_origin(member) is Literal]
    return Option(
        name=name,
        description=field.description or "",
        required=field.is_required(),
        default=None if field.is_required() else field.get_default(call_default_factory=True),
        holds=holds,
        item=" or ".join(_words(member) for member in members),
        limits=" and ".join(_limits(field)),
        choices=tuple(str(word) for member in literals for word in get_args(member)),
        options=next((member for member in members if _is_model(member)), None),
    )


def _members(annotation: Any) -> list[Any]:
    """The members of a union without None, or the annotation itself; metadata is left out."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [member for part in get_args(annotation) for member in _members(part)]
    return [] if annotation in (None, NoneType) else [annotation]


def _words(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{word}`" for word in get_args(annotation))
    if _is_model(annotation):
        return "text or options" if takes_text(annotation) else "options"
    return _WORDS.get(annotation) or str(getattr(annotation, "__name__", annotation))


def takes_text(model: type[BaseModel]) -> bool:
    """True if text alone may stand for a model's first option, as its JSON schema then says."""
    schema = model.model_config.get("json_schema_extra")
    return isinstance(schema, dict) and "string" in str(schema.get("type", ""))


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _limits(field: FieldInfo) -> Iterator[str]:
    for limit in field.metadata:
        for name, words in _LIMITS.items():
            bound = getattr(limit, name, None)
            if bound is not None:
                yield words.format(_bound_text(bound), "s" * (bound != 1))


def _bound_text(bound: Any) -> str:
    """A limit as YAML reads it: `10_000_000`, `0.5`."""
    if isinstance(bound, int):
        return f"{bound:_}"
    return f"{bound:g}" if isinstance(bound, float) else str(bound)
