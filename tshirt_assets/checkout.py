"""The room `resources` in a checkout, where it lies beside the package and not in it."""

from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import Any

NAME = "tshirt_assets.resources"
ROOT = Path(__file__).resolve().parents[1]


class CheckedOutResources(MetaPathFinder):
    """Finds `tshirt_assets.resources` where the package is imported from a checkout.

    So is a checkout a whole package, also where it stands in front of an installed one in the
    path, as it does for `dagster dev` in its folder. Asked first: code of the one never meets
    resources of the other.
    """

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """A spec for the folder beside the package, None for any other name."""
        init = ROOT / "resources" / "__init__.py"
        if name != NAME or not init.is_file() or not (ROOT / "pyproject.toml").is_file():
            return None
        return spec_from_file_location(name, init, submodule_search_locations=[str(init.parent)])
