"""Curate instruction-tuning data as Dagster assets: T-SHIRT and MIWV, end to end."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tshirt_assets.export.load import load_subset

__version__ = "0.1.0"
__all__ = ["__version__", "load_subset"]


def __getattr__(name: str) -> Any:
    if name == "load_subset":  # imported on use: `import tshirt_assets` stays light
        from tshirt_assets.export.load import load_subset

        return load_subset
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
