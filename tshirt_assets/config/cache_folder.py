"""Where the user's machine keeps what can be made again."""

import os
from pathlib import Path


def cache_dir() -> Path:
    """`$TSHIRT_ASSETS_CACHE`, or a folder in the user's cache folder."""
    chosen = os.environ.get("TSHIRT_ASSETS_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "tshirt_assets"
