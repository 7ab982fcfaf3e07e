"""The walk over a model's options, on a model that has every sort of option."""

from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import SkipJsonSchema

from tshirt_assets.config.walker import Option, groups_of, locate, options_of


class Leaf(BaseModel):
    colour: Literal["green", "red"] = Field(default="green", description="In autumn.")


class Trunk(BaseModel):
    model_config = ConfigDict(json_schema_extra={"type": ["string", "object"]})

    wood: str = "oak"
    leaf: Leaf | SkipJsonSchema[None] = None


class Tree(BaseModel):
    name: str = Field(pattern="^[a-z]+$", description="What it is called.")
    height: float = Field(gt=0, le=100.5)
    rings: int | None = Field(default=None, ge=2)
    girth: float | int = 1.5
    evergreen: bool = False
    colours: tuple[Literal["green", "red"], ...] = Field(default=("red",), min_length=1)
    nests: list[str] = Field(default_factory=lambda: ["wren"], min_length=2)
    shares: dict[str, float] = Field(default_factory=dict)
    trunk: Trunk = Trunk()
    second: Trunk | SkipJsonSchema[None] = None
    boughs: dict[str, Leaf] = Field(default_factory=dict)


OPTIONS: dict[str, Option] = {option.name: option for option in options_of(Tree)}


def test_options_come_in_their_order() -> None:
    assert list(OPTIONS) == list(Tree.model_fields)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("name", "text matching `^[a-z]+$`"),
        ("height", "number greater than 0 and less than or equal to 100.5"),
        ("rings", "whole number greater than or equal to 2"),
        ("girth", "number or whole number"),
        ("evergreen", "true or false"),
        ("colours", "list of `green`, `red` with at least 1 item"),
        ("nests", "list of text with at least 2 items"),
        ("shares", "{name: number}"),
        ("trunk", "text or options"),
        ("second", "text or options"),
        ("boughs", "{name: options}"),
    ],
)
def test_what_may_be_written_is_said_in_words(name: str, values: str) -> None:
    assert OPTIONS[name].values == values


def test_defaults_and_what_is_required() -> None:
    assert [name for name, option in OPTIONS.items() if option.required] == ["name", "height"]
    assert OPTIONS["name"].default is None
    assert OPTIONS["colours"].default == ("red",)
    assert OPTIONS["nests"].default == ["wren"]
    assert OPTIONS["trunk"].default == Trunk()
    assert OPTIONS["second"].default is None


def test_choices_descriptions_and_models() -> None:
    assert OPTIONS["colours"].choices == ("green", "red")
    assert OPTIONS["name"].choices == ()
    assert OPTIONS["name"].description == "What it is called."
    assert OPTIONS["height"].description == ""
    models = {name: option.options for name, option in OPTIONS.items() if option.options}
    assert models == {"trunk": Trunk, "second": Trunk, "boughs": Leaf}
    assert [OPTIONS[name].holds for name in ("trunk", "nests", "boughs")] == [
        "one",
        "list",
        "mapping",
    ]


def test_groups_know_every_path_that_leads_to_them() -> None:
    assert groups_of(Tree) == {
        Trunk: [("trunk",), ("second",)],
        Leaf: [("trunk", "leaf"), ("second", "leaf"), ("boughs",)],
    }


@pytest.mark.parametrize(
    ("location", "key", "model", "allowed"),
    [
        ((), (), Tree, "options"),
        (("height",), ("height",), None, OPTIONS["height"].values),
        (("girth", "int"), ("girth",), None, "number or whole number"),
        (("colours",), ("colours",), None, "list of `green`, `red` with at least 1 item"),
        (("colours", 1), ("colours", 1), None, "`green`, `red`"),
        (("shares", "height"), ("shares", "height"), None, "number"),
        (("shares", 5, "[key]"), ("shares", 5), None, "number"),
        (("trunk",), ("trunk",), Trunk, "text or options"),
        (("second", "Trunk", "wood"), ("second", "wood"), None, "text"),
        (("second", "none"), ("second",), Trunk, "text or options"),
        (
            ("second", "Trunk", "leaf", "Leaf", "colour"),
            ("second", "leaf", "colour"),
            None,
            "`green`, `red`",
        ),
        (("boughs",), ("boughs",), None, "{name: options}"),
        (("boughs", "low"), ("boughs", "low"), Leaf, "options"),
        (("boughs", "name", "colour"), ("boughs", "name", "colour"), None, "`green`, `red`"),
    ],
    ids=str,
)
def test_locations_of_faults_lead_to_their_option(
    location: tuple[str | int, ...],
    key: tuple[str | int, ...],
    model: type[BaseModel] | None,
    allowed: str,
) -> None:
    place = locate(Tree, location)
    assert (place.key, place.model, place.allowed) == (key, model, allowed)
