"""The identities that scores would get now, found without loading a model.

What only a loaded model knows (the precision that `auto` means on its device, the positions that
its class has, what had to be mended) is left open: every identity that it may come to is expected.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tshirt_assets.config import CausalLMOptions, CorpusConfig, EmbedderOptions
from tshirt_assets.incremental.catalog import (
    EMBEDDINGS,
    MIWV_SCORES,
    RELEVANCE,
    ROBUST_SCORES,
    TOKEN_SCORES,
)
from tshirt_assets.incremental.estimates import robust_identity
from tshirt_assets.incremental.identity import (
    embeddings_identity,
    loss_identity,
    relevance_identity,
)
from tshirt_assets.models.causal_lm import load_tokenizer
from tshirt_assets.models.model_files import (
    ModelError,
    copy_folder,
    fingerprint,
    located_model,
)
from tshirt_assets.models.number_formats import POSSIBLE, format_identity
from tshirt_assets.models.remarks import FROM_IDS, UNWRAPPED

if TYPE_CHECKING:
    from tshirt_assets.models.causal_lm import LoadedCausalLM

# What the load of a model may have to mend, in the order in which it says so.
ADAPTATIONS: tuple[dict[str, Any], ...] = (
    {},
    {"adaptations": [UNWRAPPED]},
    {"adaptations": [FROM_IDS]},
    {"adaptations": [UNWRAPPED, FROM_IDS]},
)


@dataclass(frozen=True)
class UnloadedCausalLM:
    """As much of a `LoadedCausalLM` as an identity is made of."""

    options: CausalLMOptions
    identity: dict[str, Any]

    @property
    def tokenizer(self) -> Any:
        """The tokenizer, which is loaded when it is asked for."""
        return load_tokenizer(self.options)


def expected_identities(config: CorpusConfig, asset: str) -> Collection[str] | None:
    """Every identity that a run of `asset` may give its rows on this or another machine.

    None where that cannot be told: for assets without an identity of their own, and where the
    model does not lie on this machine.
    """
    try:
        if asset == EMBEDDINGS.name:
            return {embeddings_identity(_embedder_facts(config.embedder))}
        if asset == RELEVANCE.name:
            return {relevance_identity(_embedder_facts(config.embedder))}
        if asset == TOKEN_SCORES.name:
            return {loss_identity(asset, config, model) for model in _models(config.scorer)}
        if asset == MIWV_SCORES.name:
            return {loss_identity(asset, config, model) for model in _models(config.target_model)}
        if asset == ROBUST_SCORES.name:
            return {robust_identity(config, model) for model in _models(config.scorer)}
    except (RuntimeError, OSError):  # no such model here, no template that an identity is made of
        return None
    return None


def _embedder_facts(options: EmbedderOptions) -> dict[str, str]:
    return {"model": fingerprint(_located(options)), "pooling": options.pooling}


def _models(options: CausalLMOptions) -> "Iterator[LoadedCausalLM]":
    location = _located(options)
    model = fingerprint(location)
    lengths = {options.max_length, *(min(options.max_length, n) for n in _positions(location))}
    for precision, length, mended in product(POSSIBLE[options.dtype], sorted(lengths), ADAPTATIONS):
        identity = {
            "model": model,
            "precision": format_identity(precision),
            "max_length": length,
        } | mended
        yield cast("LoadedCausalLM", UnloadedCausalLM(options, identity))


def _located(options: CausalLMOptions | EmbedderOptions) -> Path:
    """Folder or file of a model that is on this machine. Raises `ModelError` where it is not."""
    found = located_model(options.path, options.revision)
    if found is None:
        raise ModelError(f"model {options.path!r} is not on this machine")
    return found


def _positions(location: Path) -> Iterator[int]:
    """What the configuration of a model may mean by its number of positions."""
    folder = copy_folder(location) if location.suffix == ".gguf" else location
    file = folder / "config.json"
    if file.is_file():
        values = json.loads(file.read_text(encoding="utf-8"))
        for part in (values, values.get("text_config") or {}):
            for name, value in part.items():
                if isinstance(value, int) and ("position" in name or name == "n_ctx"):
                    yield value
