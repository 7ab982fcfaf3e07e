"""The table of the page: DataTables and Scroller, as the package itables ships them, offline.

Only its files are served; nothing of the package is imported.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tshirt_assets.config import ConfigError

PACKAGE: Final = "itables"
FILES: Final = ("dt_bundle.js", "dt_bundle.css")


def table_folder() -> Path:
    """The folder with `FILES`. Raises `ConfigError` where the package is missing."""
    spec = find_spec(PACKAGE)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / "html"
        if all((folder / name).is_file() for name in FILES):
            return folder
    raise ConfigError(
        "the row browser needs the files of a table: pip install 'tshirt-assets[explore]'"
    )
