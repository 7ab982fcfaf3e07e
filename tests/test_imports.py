"""Definitions load quickly; imports run one way, downwards, and never in a circle."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sources import Module, module_files, modules, names_in, project

LAYERS = (  # from the top; a module imports from its own room and from the layers below
    ("examples", "cli"),
    ("component", "definitions"),
    ("commands",),
    ("factory",),
    ("assets", "resources"),
    ("orchestration",),
    ("explore",),
    ("report",),
    ("evidence",),
    ("export",),
    ("preflight",),
    ("incremental",),
    ("models",),
    ("selection",),
    ("scoring",),
    ("corpus",),
    ("store",),
    ("config",),
)
FREE_OF_DAGSTER = (
    *("explore", "evidence", "preflight", "incremental", "models", "selection"),
    *("scoring", "corpus", "store", "config"),
)
HEAVY = project()["tool"]["ruff"]["lint"]["flake8-tidy-imports"]["banned-module-level-imports"]
MODULES = modules()
NAMES = sorted(
    MODULES.keys() - {f"tshirt_assets{part}" for part in ("", ".checkout", ".moved")}
)  # the face


def room(name: str) -> str:
    """What lies directly in the package: `scoring` of tshirt_assets.scoring.kernel.head."""
    return name.split(".")[1]


def below(name: str) -> set[str]:
    """The rooms that a module may import from, but for its own."""
    [depth] = [depth for depth, rooms in enumerate(LAYERS) if room(name) in rooms]
    return {other for rooms in LAYERS[depth + 1 :] for other in rooms}


def own_imports(module: Module) -> set[str]:
    """The modules of this package that one imports, but for `tshirt_assets` itself."""
    return {name for name in module.imports if name.startswith("tshirt_assets.")}


@pytest.mark.parametrize("name", NAMES)
def test_imports_run_downwards(name: str) -> None:
    allowed = below(name) | {room(name)}
    if room(name) != "factory":
        allowed -= {"resources"} - {room(name)}
    assert {other for other in own_imports(MODULES[name]) if room(other) not in allowed} == set()


def test_no_modules_import_each_other_in_a_circle() -> None:
    reached = {name: reachable(name) for name in NAMES}
    circles = {
        tuple(other for other in NAMES if other in reached[name] and name in reached[other])
        for name in NAMES
    }
    assert circles - {()} == set()


def reachable(name: str) -> set[str]:
    """All modules that importing one leads to, sooner or later; itself only in a circle."""
    found: set[str] = set()
    pending = [name]
    while pending:
        new = own_imports(MODULES[pending.pop()]) - found
        found |= new
        pending += new
    return found


@pytest.mark.parametrize("name", [name for name in NAMES if room(name) in FREE_OF_DAGSTER])
def test_what_computes_and_stores_knows_nothing_of_dagster(name: str) -> None:
    assert not {other for other in MODULES[name].imports if other.split(".")[0] == "dagster"}


@pytest.mark.parametrize("name", [name for name in NAMES if room(name) != "scoring"])
def test_heavy_libraries_are_imported_inside_functions(name: str) -> None:
    assert {other.split(".")[0] for other in MODULES[name].at_load} & {*HEAVY} == set()


def test_tests_and_benchmarks_import_what_is_there() -> None:
    """Benchmarks are run by hand, long after what they measure has moved."""
    absent = {
        f"{file.name}: {node.module}.{alias.name}"
        for file in Path(__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tshirt_assets.")
        for alias in node.names
        if node.module not in module_files() or alias.name not in names_in(node.module)
    }
    assert absent == set()


def test_definitions_load_without_any_heavy_library(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"instruction": "a", "output": "b"}\n')
    (tmp_path / "corpus.yaml").write_text("name: tiny\npaths: [rows.jsonl]\n")
    code = (
        "import sys\n"
        "from tshirt_assets.factory import build_curation_defs\n"
        f"defs = build_curation_defs({str(tmp_path / 'corpus.yaml')!r})\n"
        "assert len(defs.resolve_asset_graph().get_all_asset_keys()) >= 9\n"
        f"print([name for name in {HEAVY} if name in sys.modules])\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_package_itself_loads_next_to_nothing() -> None:
    code = "import sys, tshirt_assets; print([n for n in sys.modules if n.startswith('tshirt_')])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (
        found.stdout.strip() == "['tshirt_assets.checkout', 'tshirt_assets.moved', 'tshirt_assets']"
    )
