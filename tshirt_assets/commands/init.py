"""Write a corpus.yaml to start from, after a look at the files."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tshirt_assets.commands.text import near, size_text
from tshirt_assets.config import ConfigError, CorpusConfig
from tshirt_assets.config.scaffold import commented_options, corpus_name
from tshirt_assets.corpus.addresses import absolute, is_remote
from tshirt_assets.corpus.listing import matching_files
from tshirt_assets.preflight.guess import Look, look_at

MOST_PATHS = 5  # that are written one by one
SHOWN = 8  # values of the domain, or files, that are named
INTRODUCTION = """\
## A corpus for tshirt-assets, written by `tshirt-assets init` from a look at the first rows.
## Options after a single # are at their defaults; remove the # to change one.
"""


def init_corpus(
    paths: Sequence[str], target: Path, name: str | None = None, *, force: bool = False
) -> Look:
    """Write `target` for the files that `paths` (files, folders, globs) stand for.

    Returns what was seen. The corpus is called `name`, or as the folder is. Raises `ConfigError`
    where the file is there already, unless `force`, and `CorpusError` where no file matches.
    """
    if target.exists() and not force:
        raise ConfigError(f"{target} is there already; name another file, or add --force")
    named = name or corpus_name(_folder_name(paths[0]))
    patterns = _short(paths)
    config = CorpusConfig(name=named, paths=tuple(map(_absolute, patterns)))
    seen = look_at(config)
    values: dict[str, Any] = {
        "name": named,
        "paths": [_relative(pattern, target.parent) for pattern in patterns],
    }
    if seen.columns:
        values["columns"] = dict(seen.columns)
    remarks = "".join(f"##   {line}\n" for line in seen_lines(seen))
    text = f"{INTRODUCTION}##\n{remarks}\n{commented_options(values)}\n"
    target.write_text(text, encoding="utf-8")
    return seen


def seen_lines(seen: Look) -> Iterator[str]:
    """What was seen, in a few lines: formats, sizes, usable rows, fields, domains."""
    formats = Counter(sample.format for sample in seen.samples if sample.fault is None)
    kinds = ", ".join(f"{count} {kind}" for kind, count in formats.most_common())
    opened = "" if len(seen.samples) == seen.files else f", {len(seen.samples)} of them opened"
    size = sum(sample.size for sample in seen.samples)
    yield f"{seen.files} files{opened}: {kinds or 'none that can be read'}; {size_text(size)}"
    rows = sum(sample.rows for sample in seen.samples)
    yield f"first rows: {rows}, of which {sum(s.usable for s in seen.samples)} can be used"
    for sample in seen.samples[:SHOWN]:
        if sample.fault is not None:
            yield f"{near(sample.path)}: {sample.fault}"
        elif sample.first is not None:
            first = sample.first
            yield f"{near(sample.path)}: row {first.row + 1}: {first.status}: {first.status_detail}"
    fields = dict.fromkeys(name for sample in seen.samples for name in sample.fields)
    yield f"fields: {', '.join(fields) or 'none'}"
    for option, column in seen.columns.items():
        yield f"{option} is taken from {column!r}"
    if seen.domains:
        most = sorted(seen.domains.items(), key=lambda item: -item[1])
        more = f" and {len(most) - SHOWN} more" if len(most) > SHOWN else ""
        yield "domains: " + ", ".join(f"{name} ({n})" for name, n in most[:SHOWN]) + more


def _short(paths: Sequence[str]) -> list[str]:
    """The paths, or the glob that stands for just these many files."""
    if len(paths) <= MOST_PATHS:
        return list(paths)
    folders, endings = (
        {os.path.dirname(p) for p in paths},
        {"".join(Path(p).suffixes) for p in paths},
    )
    if len(folders) == len(endings) == 1:
        pattern = os.path.join(folders.pop(), f"*{endings.pop()}")
        if sorted(matching_files(_absolute(pattern))) == sorted(map(_absolute, paths)):
            return [pattern]
    return list(paths)


def _folder_name(path: str) -> str:
    """What a corpus might be called: its folder, or the file if that has none to speak of."""
    absolute = Path(_absolute(path))
    if absolute.is_dir():
        return absolute.name
    fixed = absolute.parent if set("*?[") & set(absolute.name) else absolute
    return fixed.name.split(".")[0]


def _absolute(path: str) -> str:
    return absolute(os.path.expanduser(path))


def _relative(path: str, folder: Path) -> str:
    """A path as corpus.yaml names it: relative to its folder where it lies beside or below it."""
    if is_remote(path) or os.path.isabs(os.path.expanduser(path)):
        return path
    return os.path.relpath(_absolute(path), folder.resolve())
