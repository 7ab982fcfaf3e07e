"""Writes the pages of the documentation that follow from the code: options.md and api.md.

    python docs/reference.py

A test fails while a page is not what this would write.
"""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

import tshirt_assets
from tshirt_assets.cli import main
from tshirt_assets.config import CorpusConfig
from tshirt_assets.config.reference import options_page

WRITTEN_BY = "<!-- Written by docs/reference.py; change the code, not this page. -->\n"
METHODS = {
    "CorpusConfig": ("from_yaml",),
    "CurationComponent": ("get_asset_spec",),
    "Store": ("stored", "read"),
}
API_INTRO = """# Python and command line

Everything public in Python comes from the package itself: `from tshirt_assets import load_subset`.
"""


def corpus_options_page() -> str:
    """Every option of `CorpusConfig`, section by section."""
    return f"{WRITTEN_BY}\n{options_page(CorpusConfig)}"


def api_page() -> str:
    """Signatures and docstrings of the public names, then the help of every command."""
    parts = [WRITTEN_BY, API_INTRO]
    for name in tshirt_assets.__all__:
        if not name.startswith("_"):
            parts.append(_described(name, getattr(tshirt_assets, name)))
    parts.append("## Command line\n\nCORPUS is the path of a corpus.yaml.\n")
    parts += [_command(name, command) for name, command in sorted(main.commands.items())]
    return "\n".join(parts)


PAGES: dict[str, Callable[[], str]] = {
    "docs/options.md": corpus_options_page,
    "docs/api.md": api_page,
}


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
