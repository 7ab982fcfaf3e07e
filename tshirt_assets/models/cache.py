"""Models are loaded once per process and shared by every asset, shard and corpus in it."""

import threading
from collections.abc import Callable, Hashable
from typing import Any

_models: dict[Hashable, Any] = {}
_lock = threading.RLock()


def shared(key: Hashable, load: Callable[[], Any]) -> Any:
    """The object for `key`, made by `load()` on the first call in this process."""
    with _lock:
        if key not in _models:
            _models[key] = load()
        return _models[key]


def loaded(key: Hashable) -> Any:
    """The object for `key` if this process has it already, else None."""
    return _models.get(key)


def load_count() -> int:
    """How many models this process has loaded so far; it keeps them until it ends."""
    return len(_models)
