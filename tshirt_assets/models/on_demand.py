"""Models that are loaded only when something is to be computed.

Whether anything is missing depends on the identity of a model, and some of that only the loaded
model knows. It is kept in the cache folder, under a hash of all that it can depend on; a model is
held to it when it is loaded after all.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tshirt_assets import __version__
from tshirt_assets.config import CausalLMOptions, EmbedderOptions
from tshirt_assets.config.cache_folder import cache_dir

LIBRARIES = ("torch", "transformers", "sentence-transformers")


class OnDemand:
    """Stands for an object that is loaded when anything but its known attributes is asked for."""

    def __init__(self, load: Callable[[], Any], **known: Any):
        vars(self).update(known, _load=load)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(vars(self)["_load"](), name)


def facts_file(options: CausalLMOptions | EmbedderOptions, fingerprint: str) -> Path | None:
    """Where the facts of a model are kept; None for one whose code may change beside its files."""
    if options.trust_remote_code:
        return None
    import torch

    place = {
        "options": options.model_dump(mode="json"),
        "folder": os.getcwd(),  # which relative paths start at
        "fingerprint": fingerprint,
        "gpu": torch.cuda.is_available(),
        "versions": [__version__, *map(version, LIBRARIES)],
    }
    digest = hashlib.blake2b(json.dumps(place, sort_keys=True).encode(), digest_size=16)
    return cache_dir() / "models" / f"{digest.hexdigest()}.json"


def known_facts(file: Path | None) -> dict[str, Any] | None:
    """What was kept of a model; None where nothing that can be read was."""
    with suppress(OSError, ValueError):
        if file is not None:
            found = json.loads(file.read_bytes())
            return found if isinstance(found, dict) else None
    return None


def keep_facts(file: Path | None, facts: dict[str, Any]) -> None:
    """Keep what a loaded model knows of itself; without a folder to write to, nothing is kept."""
    if file is None or known_facts(file) == facts:
        return
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, staged = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(descriptor, "w") as out:
            json.dump(facts, out)
        os.replace(staged, file)
