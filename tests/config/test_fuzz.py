"""Whatever a YAML file holds, it gives a configuration or plain lines, never another exception."""

import copy
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tshirt_assets.config import ConfigError, CorpusConfig, parse_config

VALID: dict[str, Any] = {
    "name": "c",
    "paths": ["rows/*.jsonl"],
    "columns": {"domain": "kind"},
    "scorer": {"path": "gpt2", "max_length": 512},
    "target": "other",
    "embedder": {"path": "e", "batch_size": 8},
    "robustness": {"estimator": "hybrid", "neighbours": 4, "alpha": 5.0},
    "recipes": {
        "best": {"method": "tshirt", "budget": 0.1, "gamma": 2, "quotas": {"code": 0.2}},
        "ifd": {"method": "ifd", "budget": 5, "diversity": {"method": "k_center", "pool": 3.0}},
        "both": {"method": "fusion", "budget": 3, "fuse": ["best", "ifd"]},
    },
    "storage_options": {"endpoint": "http://x"},
    "exports": ["messages"],
}
WORDS = [
    *VALID,
    *("best", "path", "budget", "method", "tshirt", "<<", "*a", "&a", "&b [*b]", "!!int", "!!set"),
    *("!!binary", "!!timestamp", "!!python/tuple", "? x", "2024-02-31", "12:99:99", "0b_", "0x"),
    *(
        ".inf",
        "-.inf",
        ".nan",
        "1e999",
        "20%",
        "yes",
        "~",
        "=",
        "%YAML 9.9",
        "---",
        "...",
        "@",
        "`",
    ),
    *(
        "\\0",
        '"\\ud800"',
        '"\\x00"',
        "\t",
        "|",
        ">",
        "{",
        "}",
        "[",
        "]",
        "- ",
        ": ",
        ", ",
        "#",
        "'",
    ),
    *('"', "\n", "\n  ", "\n- ", " ", "é", "\u2028", "\ufeff", "1_000", "9" * 30, "9" * 5000),
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**20, -(10**20), 10**400, 0, 1, -1]),
    st.floats(),
    st.text(max_size=20),
    st.text(st.characters(categories=["Cc", "Cs", "Zl", "Zp"]), max_size=4),
    st.sampled_from(["20%", "yes", "a" * 5000, "~nobody/x", "s3://", "${X}", "../.."]),
    st.dates(),
    st.datetimes(),
    st.binary(max_size=4),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(SCALARS.filter(lambda key: key == key), inner, max_size=4)
        | st.sets(st.integers(), max_size=3)
    ),
    max_leaves=8,
)
QUICK = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def places(values: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every key and position inside a configuration."""
    found = [path] if path else []
    inside: Any = values.items() if isinstance(values, dict) else ()
    inside = enumerate(values) if isinstance(values, list) else inside
    return found + [place for key, value in inside for place in places(value, (*path, key))]


def changed(place: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """The valid configuration with another value at one place."""
    values = copy.deepcopy(VALID)
    group: Any = values
    for key in place[:-1]:
        group = group[key]
    group[place[-1]] = value
    return values


def check_lines(error: ConfigError, source: str) -> None:
    lines = str(error).split("\n")
    assert all(line.startswith(f"{source}: ") and len(line) < 2000 for line in lines)
    "\n".join(lines).encode()


def read(folder: Path, content: bytes) -> None:
    file = folder / "corpus.yaml"
    file.write_bytes(content)
    try:
        assert isinstance(CorpusConfig.from_yaml(file), CorpusConfig)
    except ConfigError as error:
        check_lines(error, str(file))


def test_the_unchanged_configuration_is_valid(tmp_path: Path) -> None:
    parse_config(VALID, base=tmp_path, source="x")


@QUICK
@given(st.lists(st.sampled_from(WORDS), max_size=20).map("".join))
@example("!!int" + "9" * 5000)
@example("a: &a [*a]\nname: *a\npaths: *a\nrecipes: {x: *a}\n")
@example("name: &a {b: *a}\npaths: [*a]\nrecipes: *a\n")
@example("name: c\npaths: [x]\nrecipes: &r {x: {method: ifd, budget: 1, quotas: *r}}\n")
@example("paths: !!set {a, b}\nname: !!omap [a: 1]\nseed: !!pairs [a: 1]\n")
def test_any_text(tmp_path: Path, text: str) -> None:
    read(tmp_path, text.encode("utf-8", "surrogatepass"))


@QUICK
@given(st.binary(max_size=60))
def test_any_bytes(tmp_path: Path, content: bytes) -> None:
    read(tmp_path, content)


@QUICK
@given(st.sampled_from(places(VALID)), VALUES)
def test_any_value_at_any_place(tmp_path: Path, place: tuple[Any, ...], value: Any) -> None:
    values = changed(place, value)
    try:
        parse_config(values, base=tmp_path, source="python")
    except ConfigError as error:
        check_lines(error, "python")
    read(tmp_path, yaml.safe_dump(values).encode("utf-8", "surrogatepass"))


@QUICK
@given(
    st.sampled_from([(), ("scorer",), ("recipes",), ("recipes", "best"), ("storage_options",)]),
    SCALARS.filter(lambda key: key == key),
    VALUES,
)
def test_any_key_anywhere(tmp_path: Path, group: tuple[str, ...], key: Any, value: Any) -> None:
    values = changed((*group, key), value)
    try:
        parse_config(values, base=tmp_path, source="python")
    except ConfigError as error:
        check_lines(error, "python")
