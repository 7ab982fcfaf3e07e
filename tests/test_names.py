"""One name, one meaning: what a newcomer reads in the tree is what there is."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.sources import folders

# Modules of one name that are the same thing seen from another room: an asset and its score, a
# model and its Dagster resource, a command and what it shows, a section of the report.
SAME_THING = {
    "calibration",
    "causal_lm",
    "contenders",
    "embedder",
    "errors",
    "files",
    "recipes",
    "relevance",
    "rows",
    "scores",
    "search",
    "shards",
    "store",
}


def sources() -> Iterator[Path]:
    for folder in folders().values():
        yield from folder.glob("*.py")


def test_no_two_modules_share_a_name_in_different_meanings() -> None:
    places: dict[str, list[Path]] = defaultdict(list)
    for file in sources():
        if file.stem != "__init__":
            places[file.stem].append(file)
    shared = {name for name, files in places.items() if len(files) > 1}
    assert shared <= SAME_THING


def test_no_function_name_has_two_return_types() -> None:
    """Public functions of modules; the overloads of one function count as one."""
    returns: dict[str, set[str]] = defaultdict(set)
    for file in sources():
        functions = {  # of overloads the last definition, which is the function itself
            node.name: node
            for node in ast.parse(file.read_text()).body
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        }
        for name, node in functions.items():
            kind = ast.unparse(node.returns) if node.returns else "None"
            returns[name].add(kind.replace("'", ""))
    assert {name: kinds for name, kinds in returns.items() if len(kinds) > 1} == {}
