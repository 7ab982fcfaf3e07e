"""Definitions load quickly, and layers only look down."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

HEAVY = (
    "torch",
    "transformers",
    "lancedb",
    "sentence_transformers",
    "matplotlib",
    "faiss",
    "scipy",
)
LAYERS = (  # from the bottom; a module may import from its own layer and from those below
    {"config", "options"},
    {"corpus"},
    {"scoring"},
    {"selection"},
    {"resources", "export", "report"},
    {"assets"},
    {"factory"},
    {"headless", "summary", "consistency", "verify", "definitions", "scaffold", "component", "cli"},
    {"examples"},
)
PLAIN = ("corpus", "scoring", "selection")


def modules() -> list[tuple[str, Path]]:
    """(layer, file) of every module of the package."""
    found = [("resources", file) for file in (REPOSITORY / "resources").glob("*.py")]
    package = REPOSITORY / "tshirt_assets"
    for file in package.rglob("*.py"):
        parts = file.relative_to(package).with_suffix("").parts
        found.append((parts[0], file))
    return [(layer, file) for layer, file in found if layer != "__init__"]


def imports(file: Path, *, at_load: bool = False) -> set[str]:
    """Names of imported modules; `at_load` without those inside functions and TYPE_CHECKING."""
    tree = ast.parse(file.read_text())
    found: set[str] = set()
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        deferred = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        )
        if not (at_load and deferred):
            pending.extend(ast.iter_child_nodes(node))
    return found


def height(layer: str) -> int:
    return next(number for number, names in enumerate(LAYERS) if layer in names)


@pytest.mark.parametrize(
    ("layer", "file"), modules(), ids=lambda value: getattr(value, "stem", value)
)
def test_layers_only_look_down(layer: str, file: Path) -> None:
    assert any(layer in names for names in LAYERS), f"{layer} has no place among the layers"
    for name in imports(file):
        root, _, rest = name.partition(".")
        if root != "tshirt_assets" or not rest:
            continue
        other = rest.split(".")[0]
        assert height(other) <= height(layer), f"{file.name} imports {name}"


@pytest.mark.parametrize(
    ("layer", "file"), modules(), ids=lambda value: getattr(value, "stem", value)
)
def test_plain_layers_know_nothing_of_dagster(layer: str, file: Path) -> None:
    if layer in PLAIN:
        assert not {name for name in imports(file) if name.split(".")[0] in ("dagster", "lancedb")}
    if layer != "scoring":
        loaded = {name.split(".")[0] for name in imports(file, at_load=True)}
        assert not loaded & set(HEAVY), f"{file} imports {loaded & set(HEAVY)} when it is loaded"


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
