"""Curate instruction-tuning data as Dagster assets: T-SHIRT and MIWV, end to end."""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tshirt_assets.checkout import CheckedOutResources
from tshirt_assets.moved import MovedModules

if TYPE_CHECKING:
    from tshirt_assets.component import CurationComponent
    from tshirt_assets.config import ConfigError, CorpusConfig
    from tshirt_assets.export.hub import push_subsets
    from tshirt_assets.export.load import load_subset
    from tshirt_assets.export.semantic_search import search
    from tshirt_assets.factory import build_curation_defs, build_input_defs
    from tshirt_assets.models.model_files import ModelError
    from tshirt_assets.store.faults import StoreError
    from tshirt_assets.store.store import Store

__version__ = "0.1.0"
__all__ = [
    "ConfigError",
    "CorpusConfig",
    "CurationComponent",
    "ModelError",
    "Store",
    "StoreError",
    "__version__",
    "build_curation_defs",
    "build_input_defs",
    "load_subset",
    "push_subsets",
    "search",
]

# Imported on use, so that `import tshirt_assets` stays light.
_HOMES = {
    "ConfigError": "tshirt_assets.config",
    "CorpusConfig": "tshirt_assets.config",
    "CurationComponent": "tshirt_assets.component",
    "ModelError": "tshirt_assets.models.model_files",
    "Store": "tshirt_assets.store.store",
    "StoreError": "tshirt_assets.store.faults",
    "build_curation_defs": "tshirt_assets.factory",
    "build_input_defs": "tshirt_assets.factory",
    "load_subset": "tshirt_assets.export.load",
    "push_subsets": "tshirt_assets.export.hub",
    "search": "tshirt_assets.export.semantic_search",
}

sys.meta_path.insert(0, CheckedOutResources())
sys.meta_path.append(MovedModules())


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__  # where `dg` looks for components
