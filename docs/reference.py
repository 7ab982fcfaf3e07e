"""Writes the pages of the documentation that follow from the code: options.md and api.md.

    python docs/reference.py

A test fails while a page is not what this would write.
"""

import ast
import inspect
import json
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

import tshirt_assets
from tshirt_assets.cli import main
from tshirt_assets.config import CorpusConfig

WRITTEN_BY = "<!-- Written by docs/reference.py; change the code, not this page. -->\n"
SECTIONS = {
    "ColumnOptions": "columns",
    "CausalLMOptions": "scorer and target",
    "EmbedderOptions": "embedder",
    "RobustnessOptions": "robustness",
    "Recipe": "recipes",
    "DiversityOptions": "recipes: diversity",
}
METHODS = {
    "CorpusConfig": ("from_yaml",),
    "CurationComponent": ("get_asset_spec",),
    "Store": ("stored", "read"),
}
OPTIONS_INTRO = """# Every option of corpus.yaml

The same options are the attributes of the Dagster component and the fields of `CorpusConfig`.
`tshirt-assets options` prints them, too. A misspelt key is an error that names the allowed ones.
"""
API_INTRO = """# Python and command line

Everything public in Python comes from the package itself: `from tshirt_assets import load_subset`.
"""


def options_page() -> str:
    """Every option of `CorpusConfig`, section by section."""
    schema = CorpusConfig.model_json_schema()
    parts = [WRITTEN_BY, OPTIONS_INTRO, *_options(schema, schema)]
    for name, title in SECTIONS.items():
        model = schema["$defs"][name]
        parts += [f"\n## {title}\n\n{model['description']}\n", *_options(model, schema)]
    missing = schema["$defs"].keys() - SECTIONS.keys()
    assert not missing, f"options without a section: {missing}"
    return "\n".join(parts)


def api_page() -> str:
    """Signatures and docstrings of the public names, then the help of every command."""
    parts = [WRITTEN_BY, API_INTRO]
    for name in tshirt_assets.__all__:
        if not name.startswith("_"):
            parts.append(_described(name, getattr(tshirt_assets, name)))
    parts.append("## Command line\n\nCORPUS is the path of a corpus.yaml.\n")
    parts += [_command(name, command) for name, command in sorted(main.commands.items())]
    return "\n".join(parts)


PAGES: dict[str, Callable[[], str]] = {"docs/options.md": options_page, "docs/api.md": api_page}


def _options(model: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    lines = ["| option | values | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in model["properties"].items():
        required = name in model.get("required", ())
        default = "required" if required else _default(field, schema)
        cells = (f"`{name}`", _values(field, schema), default, field["description"])
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return [*lines, ""]


def _values(field: dict[str, Any], schema: dict[str, Any]) -> str:
    """What may be written: the allowed words, or the type with its bounds."""
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "$ref" in field:
        section = SECTIONS[field["$ref"].rpartition("/")[2]]
        return f"[see below](#{re.sub(r'[^a-z- ]', '', section).replace(' ', '-')})"
    if "anyOf" in field:
        kinds = [_values(part, schema) for part in field["anyOf"] if part.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    kind = field.get("type", "")
    if kind == "array":
        return f"list of {_values(field['items'], schema)}"
    if kind == "object":
        return f"name: {_values(field['additionalProperties'], schema)}"
    words = {"string": "text", "integer": "whole number", "number": "number", "boolean": "bool"}
    bounds = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    limits = [f"{sign} {field[key]:g}" for key, sign in bounds.items() if key in field]
    return " ".join([words.get(kind, kind), ", ".join(limits)]).strip()


def _default(field: dict[str, Any], schema: dict[str, Any]) -> str:
    default = field.get("default")
    if "$ref" in field or default in (None, {}, []):
        return "" if default in (None, {}, []) or "path" not in default else f"`{default['path']}`"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _described(name: str, item: Any) -> str:
    """A heading, the signature and the docstring; of a class also what users call or override."""
    if inspect.isclass(item):
        methods = METHODS.get(name, ())
        described = [_described(f"{name}.{key}", getattr(item, key)) for key in methods]
        return "\n".join([f"## {name}\n\n{_text(item)}\n", *described])
    level = "###" if "." in name else "##"
    return f"{level} {name}\n\n```text\n{_signature(name, item)}\n```\n\n{_text(item)}\n"


def _signature(name: str, item: Any) -> str:
    """As it is written in the source, so that no version of Python spells it differently."""
    [definition] = ast.parse(textwrap.dedent(inspect.getsource(item))).body
    assert isinstance(definition, ast.FunctionDef)
    definition.args.args = [a for a in definition.args.args if a.arg not in ("self", "cls")]
    returns = f" -> {ast.unparse(definition.returns)}" if definition.returns else ""
    line = f"{name}({ast.unparse(definition.args)}){returns}"
    return "\n".join(textwrap.wrap(line, 92, subsequent_indent="    ", break_on_hyphens=False))


def _command(name: str, command: click.Command) -> str:
    """Usage, description and options of a command."""
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    options = [p for p in command.params if isinstance(p, click.Option)]
    words = ["tshirt-assets", name, *("[OPTIONS]" for _ in options[:1])]
    words += [
        f"[{a.human_readable_name}]..." if a.nargs < 0 else a.human_readable_name for a in arguments
    ]
    lines = [f"### {name}\n\n```text\n{' '.join(words)}\n```\n\n{_text(command.callback)}\n"]
    for option in options:
        default = "" if option.is_flag else f" (default {option.default})"
        lines.append(f"- `{', '.join(option.opts)}`{default}: {option.help}")
    return "\n".join(lines) + "\n" * bool(options)


def _text(item: Any) -> str:
    """A docstring as Markdown: its paragraphs, unindented."""
    return inspect.cleandoc(item.__doc__ or "")


def write() -> Iterator[str]:
    """Write every page that has changed; yields their names."""
    for page, make in PAGES.items():
        path = Path(__file__).resolve().parents[1] / page
        content = make()
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            path.write_text(content, encoding="utf-8")
            yield page


if __name__ == "__main__":
    for changed in write():
        print(changed)
