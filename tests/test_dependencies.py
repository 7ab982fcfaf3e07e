"""What the package imports is declared, used, and has a lowest version."""

import re
import sys

import pytest

from tests.lowest import pins
from tests.sources import modules, project

# Imported only in functions that name the extra when it is missing.
OPTIONAL = {"accelerate": "gguf", "datasets": "train", "faiss": "faiss", "gguf": "gguf"}
# Distributions that do not bear the name of the module, or bring it (Triton, with CUDA).
DISTRIBUTIONS = {
    "faiss": "faiss-cpu",
    "pydantic_core": "pydantic",
    "triton": "torch",
    "yaml": "pyyaml",
}
PROGRAMS = {"dagster-webserver"}  # run, never imported


def third_party() -> dict[str, list[str]]:
    """Modules that are neither ours nor Python's, and who imports them."""
    found: dict[str, list[str]] = {}
    for name, module in modules().items():
        for root in {other.split(".")[0] for other in module.imports}:
            if root != "tshirt_assets" and root not in sys.stdlib_module_names:
                found.setdefault(root, []).append(name)
    return found


def declared(extra: str | None = None) -> set[str]:
    """The distributions of `dependencies`, or of an extra."""
    metadata = project()["project"]
    lines = metadata["optional-dependencies"][extra] if extra else metadata["dependencies"]
    return {normalized(re.split(r"[\[<>=]", line)[0]) for line in lines}


def distribution(module: str) -> str:
    """What to install for a module."""
    return normalized(DISTRIBUTIONS.get(module, module))


def normalized(name: str) -> str:
    """One spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("module", sorted(third_party()))
def test_what_is_imported_is_declared(module: str) -> None:
    message = f"imported by {', '.join(third_party()[module])}"
    assert distribution(module) in declared(OPTIONAL.get(module)), message


def test_what_is_declared_is_used() -> None:
    assert declared() - {distribution(module) for module in third_party()} == PROGRAMS
    assert OPTIONAL.keys() - third_party().keys() == set()


def test_what_is_declared_has_a_lowest_version() -> None:
    pinned = {normalized(line.partition("==")[0]) for line in pins()}
    assert declared().union(*map(declared, OPTIONAL.values())) - pinned == set()
