"""Which file a stored shard was read from, as it is recorded with its samples."""

import os
from pathlib import Path

from tshirt_assets.store.store import Store


def source_text(store: Store, path: str) -> str:
    """The path as it is recorded: relative to a local store, so that both may move together."""
    if not store.database.is_local:
        return os.path.abspath(path)
    return Path(os.path.relpath(path, store.database.uri)).as_posix()


def source_path(store: Store, source: str) -> str:
    """The absolute path that was recorded as `source`."""
    folder = store.database.uri if store.database.is_local else "/"
    return os.path.abspath(os.path.join(folder, source))
