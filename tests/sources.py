"""The package as source: its modules, what they import, and what pyproject.toml says of it."""

import ast
import tomllib
from collections.abc import Iterator, Set
from dataclasses import dataclass
from functools import cache
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Module:
    """What a module imports: wherever it does, and as soon as it is loaded."""

    imports: frozenset[str]
    at_load: frozenset[str]


@cache
def project() -> dict[str, Any]:
    """The content of pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def folders() -> dict[str, Path]:
    """The folder of every package, by its name in an installation."""
    setuptools = project()["tool"]["setuptools"]
    homes = setuptools["package-dir"]
    return {name: ROOT / homes.get(name, name.replace(".", "/")) for name in setuptools["packages"]}


@cache
def modules() -> dict[str, Module]:
    """Every module of the package, by its name in an installation."""
    files = {
        f"{package}.{file.stem}".removesuffix(".__init__"): (package, file)
        for package, folder in folders().items()
        for file in sorted(folder.glob("*.py"))
    }
    return {
        name: _module(ast.parse(file.read_text()), package, files.keys())
        for name, (package, file) in files.items()
    }


def _module(tree: ast.Module, package: str, known: Set[str]) -> Module:
    everywhere, at_load = (
        frozenset(_imports(tree, package, known, deferred=deferred)) for deferred in (True, False)
    )
    return Module(everywhere, at_load)


def _imports(node: ast.AST, package: str, known: Set[str], *, deferred: bool) -> Iterator[str]:
    """Imported modules; those in functions and under TYPE_CHECKING only if `deferred`."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        source = resolve_name("." * node.level + (node.module or ""), package)
        for alias in node.names:
            inner = f"{source}.{alias.name}"
            yield inner if inner in known else source
    later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
        isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    )
    if deferred or not later:
        for child in ast.iter_child_nodes(node):
            yield from _imports(child, package, known, deferred=deferred)
