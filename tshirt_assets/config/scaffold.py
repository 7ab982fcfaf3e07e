"""Write a commented configuration to start from: every option with its meaning and default."""

import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from pydantic import BaseModel

from tshirt_assets.config.corpus import CorpusConfig
from tshirt_assets.config.walker import Option, options_of

WIDTH = 88


def corpus_name(text: str) -> str:
    """A corpus name made from any text, such as the name of a folder."""
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return name if name[:1].isalpha() else f"corpus_{name}".rstrip("_")


def commented_options(values: Mapping[str, Any]) -> str:
    """YAML of a corpus: the options in `values` set, all others commented out at their defaults.

    `## ` begins an explanation, `# ` an option that is commented out.
    """
    return "\n\n".join(
        "\n".join(_explained(option, values.get(option.name)))
        for option in options_of(CorpusConfig)
    )


def _explained(option: Option, value: Any) -> Iterator[str]:
    yield from textwrap.wrap(
        option.description, WIDTH, initial_indent="## ", subsequent_indent="## "
    )
    if value is not None:
        yield from _yaml({option.name: value})
        return
    yield from (f"# {line}" for line in _yaml({option.name: _plain(option.default)}))


def _plain(default: Any) -> Any:
    """A default as YAML would hold it; of a recipe only what sets it apart."""
    if isinstance(default, BaseModel):
        return default.model_dump(mode="json")
    if isinstance(default, dict):
        return {
            key: part.model_dump(mode="json", exclude_unset=True) if part else part
            for key, part in default.items()
        }
    return list(default) if isinstance(default, tuple) else default


def _yaml(value: Any) -> list[str]:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=WIDTH).splitlines()
