"""Modules that have moved: importing an old name warns, and gives the module at its new place."""

import sys
import warnings
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_KERNEL = (
    *("attention", "forward", "linear", "lm_head", "memory"),
    *("noise", "packing", "precision", "schedule", "token_loss"),
)

# Old name to new, both within tshirt_assets; several where the old module was divided.
MOVED: dict[str, tuple[str, ...]] = {
    "assets.binding": ("orchestration.binding",),
    "assets.schemas": ("incremental.columns",),
    "consistency": ("incremental.consistency",),
    "export.search": ("export.semantic_search",),
    "headless": (
        *("commands.run", "commands.instance", "commands.terminal"),
        "orchestration.phase_loop",
    ),
    "options": ("config.options",),
    "resources.database": ("store.database",),
    "resources.faults": ("store.faults",),
    "resources.lance": ("store.store",),
    "resources.model_files": ("models.model_files",),
    "resources.process_cache": ("models.cache",),
    "resources.staging": ("store.staging",),
    "resources.tables": ("store.table_info",),
    "resources.upkeep": ("store.compaction",),
    "resources.vector_search": ("store.vector_search",),
    "scaffold": ("config.scaffold",),
    "selection.tables": ("selection.score_tables",),
    "summary": ("commands.show",),
    "verify": ("commands.verify",),
    **{f"scoring.{name}": (f"scoring.kernel.{name}",) for name in _KERNEL},
}


class MovedModules(MetaPathFinder, Loader):
    """Finds and loads the old names; asked last, so that a module that exists goes first."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """A spec for an old name, None for any other."""
        package, _, old = name.partition(".")
        moved = package == "tshirt_assets" and old in MOVED
        return ModuleSpec(name, self) if moved else None

    def exec_module(self, module: ModuleType) -> None:
        """Let the old name stand for the new module itself, or for all names of several."""
        name = module.__name__
        homes = [f"tshirt_assets.{home}" for home in MOVED[name.partition(".")[2]]]
        warnings.warn(f"{name} is now {' and '.join(homes)}", DeprecationWarning, stacklevel=2)
        parts = [import_module(home) for home in homes]
        if len(parts) == 1:
            sys.modules[name] = parts[0]
            return
        for part in reversed(parts):
            vars(module).update({k: v for k, v in vars(part).items() if not k.startswith("__")})
