"""The nearest other sample of every sample: exact, updated, or approximate by faiss."""

from tshirt_assets.selection.nearest.find import Neighbours, nearest

__all__ = ["Neighbours", "nearest"]
