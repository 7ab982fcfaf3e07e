"""Models are loaded once per process and shared by every asset, shard and corpus in it."""

import threading
from collections import Counter
from collections.abc import Callable, Hashable
from typing import Any

_models: dict[Hashable, Any] = {}
_loads: Counter[Hashable] = Counter()
_lock = threading.RLock()


def shared(key: Hashable, load: Callable[[], Any]) -> Any:
    """The object for `key`, made by `load()` on the first call in this process."""
    with _lock:
        if key not in _models:
            _models[key] = load()
            _loads[key] += 1
        return _models[key]


def load_count() -> int:
    """How many models this process has loaded so far."""
    return sum(_loads.values())


def release() -> None:
    """Forget all models of this process and give their GPU memory back."""
    with _lock:
        _models.clear()
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
