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
def module_files() -> dict[str, tuple[str, Path]]:
    """The package and the file of every module, by its name in an installation."""
    return {
        f"{package}.{file.stem}".removesuffix(".__init__"): (package, file)
        for package, folder in folders().items()
        for file in sorted(folder.glob("*.py"))
    }


@cache
def names_in(module: str) -> frozenset[str]:
    """What can be imported from a module by name: what stands in it, and what lies below it."""
    _, file = module_files()[module]
    below = {n.rpartition(".")[2] for n in module_files() if n.rpartition(".")[0] == module}
    return frozenset(below.union(_bound(ast.parse(file.read_text()))))


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that the statements of a module bind, also below an `if` or a `try`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield child.name
        elif isinstance(child, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.split(".")[0] for alias in child.names)
        elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.id
        else:
            yield from _bound(child)


@cache
def modules() -> dict[str, Module]:
    """Every module of the package, by its name in an installation."""
    files = module_files()
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
