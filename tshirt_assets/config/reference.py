"""Every option of a configuration to look up: as text for the terminal and as a Markdown page."""

import inspect
import re
from collections.abc import Iterator

from pydantic import BaseModel

from tshirt_assets.config.walker import Option, groups_of, options_of, takes_text

INTRO = """\
# Every option of corpus.yaml

The same options are the attributes of the Dagster component and the fields of `CorpusConfig`.
`tshirt-assets options` prints them, too. A misspelt key is an error that names the allowed ones.
"""


def option_list(root: type[BaseModel]) -> str:
    """Plain text: name, default, allowed values and meaning of every option, groups indented."""
    described: dict[type[BaseModel], str] = {}
    return "\n".join(_listed(root, (), described))


def options_page(root: type[BaseModel]) -> str:
    """Markdown: a table of the options of `root`, then a section for every group of options."""
    groups = groups_of(root)
    titles = {group: " and ".join(": ".join(path) for path in groups[group]) for group in groups}
    parts = [INTRO, *_table(root, titles)]
    for group, title in titles.items():
        parts += [f"\n## {title}\n\n{inspect.getdoc(group)}\n", *_table(group, titles)]
    return "\n".join(parts)


def default_text(option: Option) -> str:
    """What holds where an option is left out, as one would write it; empty for nothing."""
    default = option.default
    if isinstance(default, BaseModel):
        first = next(iter(type(default).model_fields))
        return str(getattr(default, first)) if takes_text(type(default)) else ""
    if isinstance(default, dict):
        return ", ".join(default)
    if isinstance(default, list | tuple):
        return f"[{', '.join(default)}]" if default else ""
    if default is None:
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


def _listed(
    model: type[BaseModel], path: tuple[str, ...], described: dict[type[BaseModel], str]
) -> Iterator[str]:
    """The lines of a model's options; groups that were `described` before are only named."""
    indent = "    " * len(path)
    for option in options_of(model):
        default = default_text(option)
        shown = " (required)" if option.required else f" = {default}" * bool(default)
        yield f"{indent}{option.name}{shown}"
        yield f"{indent}    allowed: {option.values}"
        yield f"{indent}    {option.description}"
        if option.options is None:
            continue
        here = (*path, option.name)
        if option.options in described:
            yield f"{indent}    The options are those of {described[option.options]}."
        else:
            described[option.options] = ".".join(here)
            yield from _listed(option.options, here, described)


def _table(model: type[BaseModel], titles: dict[type[BaseModel], str]) -> Iterator[str]:
    yield "| option | values | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for option in options_of(model):
        default = default_text(option)
        cells = (
            f"`{option.name}`",
            _linked(option, titles),
            "required" if option.required else f"`{default}`" * bool(default),
            option.description,
        )
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""


def _linked(option: Option, titles: dict[type[BaseModel], str]) -> str:
    """The values of an option; those that are options themselves link to their section."""
    if option.options is None:
        return option.values
    anchor = re.sub(r"[^\w\- ]", "", titles[option.options].lower()).replace(" ", "-")
    return option.values.replace("options", f"[options](#{anchor})")
