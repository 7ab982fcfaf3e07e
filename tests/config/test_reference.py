"""The list of options on the terminal and the page of them: complete, readable, linked."""

import re
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from tshirt_assets.config import CorpusConfig
from tshirt_assets.config.reference import default_text, option_list, options_page
from tshirt_assets.config.walker import Option, groups_of, options_of

LIST = option_list(CorpusConfig)
PAGE = options_page(CorpusConfig)
DEFAULTS = {option.name: default_text(option) for option in options_of(CorpusConfig)}


MODELS: list[type[BaseModel]] = [CorpusConfig, *groups_of(CorpusConfig)]


def everything() -> Iterator[tuple[type[BaseModel], Option]]:
    for model in MODELS:
        for option in options_of(model):
            yield model, option


def test_the_sections_follow_from_the_options() -> None:
    assert re.findall(r"^## (.*)$", PAGE, re.MULTILINE) == [
        "columns",
        "scorer and target",
        "embedder",
        "robustness",
        "recipes",
        "recipes: diversity",
        "card",
        "automation",
    ]


def test_every_option_has_one_row_in_the_table_of_its_group() -> None:
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    for model, text in zip(MODELS, sections, strict=True):
        lines = [line for line in text.splitlines() if line.startswith("| `")]
        options = list(options_of(model))
        assert len(lines) == len(options)
        for line, option in zip(lines, options, strict=True):
            assert line.startswith(f"| `{option.name}` | ")
            assert line.endswith(f" | {option.description} |")


@pytest.mark.parametrize(
    "row",
    [
        "| `keep_fraction` | number greater than 0 and less than or equal to 1 | `0.75` | Share k",
        "| `name` | text matching `^[a-z][a-z0-9_]*$` | required | Key",
        "| `scorer` | text or [options](#scorer-and-target) | `gpt2` | Surrogate",
        "| `target` | text or [options](#scorer-and-target) |  | Model",
        "| `recipes` | {name: [options](#recipes)} | `tshirt-5pct, miwv-5pct, ",
        "| `diversity` | [options](#recipes-diversity) |  | Spread",
        "| `exports` | list of `messages`, `prompt_completion`, `alpaca`, `sharegpt`, `parquet` "
        "| `[messages, parquet]` | Files",
        "| `exclude_duplicates` | true or false | `true` | MIWV",
    ],
)
def test_rows_of_the_page(row: str) -> None:
    assert len([line for line in PAGE.splitlines() if line.startswith(row)]) == 1


def test_cells_may_hold_the_sign_that_divides_them() -> None:
    class Piped(BaseModel):
        """Options with a bar."""

        either: str = "a|b"

    assert r"| `either` | text | `a\|b` |  |" in options_page(Piped)


def test_the_list_tells_name_default_values_and_meaning() -> None:
    lines = LIST.splitlines()
    for model, option in everything():
        found = [
            number
            for number, line in enumerate(lines)
            if line.strip().partition(" ")[0] == option.name
            and lines[number + 1].strip() == f"allowed: {option.values}"
            and lines[number + 2].strip() == option.description
        ]
        assert found, (model, option.name)
    assert "name (required)\n    allowed: text matching" in LIST
    assert "\nseed = 42\n" in LIST
    assert "\n    revision\n" in LIST  # nothing stands where there is no default
    assert "None" not in LIST


def test_groups_are_indented_and_described_once() -> None:
    assert "\nrecipes = tshirt-5pct, miwv-5pct," in LIST
    assert "\n    diversity\n" in LIST
    assert "\n        pool = 2.0\n            allowed: number greater" in LIST
    assert "\n    The options are those of scorer.\n" in LIST
    assert LIST.count("max_length = 1024") == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("name", ""),
        ("scorer", "gpt2"),
        ("columns", ""),
        ("target", ""),
        ("owners", ""),
        ("exports", "[messages, parquet]"),
        ("storage_options", ""),
        ("export_token_weights", "false"),
        ("rows_per_shard", "50000"),
    ],
)
def test_defaults_are_written_as_in_yaml(name: str, text: str) -> None:
    assert DEFAULTS[name] == text
