"""The sentence-embedding model behind the neighbour search of MIWV."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tshirt_assets.config import EmbedderOptions
from tshirt_assets.models import cache
from tshirt_assets.models.checkpoint import load_without_values, shapes, weight_files
from tshirt_assets.models.embedding_passes import EmbeddingPasses
from tshirt_assets.models.model_files import (
    ModelError,
    fingerprint,
    first_line,
    locate_model,
)
from tshirt_assets.models.on_demand import OnDemand, facts_file, keep_facts, known_facts
from tshirt_assets.models.weight_names import weights_fault

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedEmbedder:
    """A sentence-transformers model that gives L2-normalised vectors."""

    model: Any
    options: EmbedderOptions
    fingerprint: str
    passes: EmbeddingPasses = field(default_factory=EmbeddingPasses, repr=False, compare=False)

    @property
    def identity(self) -> dict[str, Any]:
        """Everything about this model that changes a vector; part of the embeddings' identity."""
        return {"model": self.fingerprint, "pooling": self.options.pooling}

    @property
    def width(self) -> int:
        """Length of a vector."""
        return int(self.model.get_embedding_dimension())

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors (N, width), float32, L2-normalised, of N texts.

        Where the device runs out of memory, passes get half as many texts and go on.
        """

        def run(part: Sequence[str], batch_size: int) -> np.ndarray:
            vectors = self.model.encode(
                list(part),
                batch_size=batch_size,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
            return np.asarray(vectors, dtype=np.float32)

        return self.passes.encode(texts, self.options, run)


def load_embedder(options: EmbedderOptions) -> LoadedEmbedder:
    """The embedding model that `options` names, loaded at most once per process.

    One whose width is known from before (see `on_demand`) is loaded when it embeds. Raises
    `ModelError` with the remedy, then at the latest.
    """
    key = ("embedder", options)
    return cache.loaded(key) or _on_demand(options) or cache.shared(key, lambda: _load(options))


def _on_demand(options: EmbedderOptions) -> LoadedEmbedder | None:
    """The embedder without its weights, where its width is known."""
    found = fingerprint(_location(options))
    width = (known_facts(facts_file(options, found)) or {}).get("width")
    if not isinstance(width, int):
        return None

    def model() -> Any:
        real = cache.shared(("embedder", options), lambda: _load(options))
        if (real.fingerprint, real.width) != (found, width):
            raise ModelError(f"embedder {options.path!r} is not what it was; run again")
        return real.model

    unloaded = OnDemand(model, get_embedding_dimension=lambda: width)
    return LoadedEmbedder(model=unloaded, options=options, fingerprint=found)


def _location(options: EmbedderOptions) -> Path:
    return locate_model(options.path, options.revision, trust_remote_code=options.trust_remote_code)


def _load(options: EmbedderOptions) -> LoadedEmbedder:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers.utils import logging as transformers_logging

    from tshirt_assets.scoring.kernel.devices import torch_device

    transformers_logging.disable_progress_bar()
    location = _location(options)
    name = f"embedder {options.path!r}"
    try:
        model = SentenceTransformer(
            str(location),
            device=None if options.device == "auto" else str(torch_device(options.device)),
            trust_remote_code=options.trust_remote_code,
            local_files_only=True,
            model_kwargs={"use_safetensors": True},
        )
    except Exception as error:
        raise ModelError(f"{name}: cannot be loaded: {first_line(error)}") from error
    for module in model:
        if fault := _weights_fault(module, name):
            raise ModelError(f"{name}: {fault}")
    if options.pooling == "mean":
        for module in model:
            if isinstance(module, Pooling):
                module.pooling_mode = "mean"
    logger.info("loaded %s on %s", options.path, model.device)
    loaded = LoadedEmbedder(model=model, options=options, fingerprint=fingerprint(location))
    keep_facts(facts_file(options, loaded.fingerprint), {"width": loaded.width})
    return loaded


def _weights_fault(module: Any, name: str) -> str | None:
    """Which weights of an embedder's transformer its files lack, so that they are random.

    Heads that embedding has no use for may be too many in the files, or missing (the pooler).
    """
    transformer = getattr(module, "auto_model", None)
    if transformer is None:
        return None
    try:
        weights = shapes(weight_files(Path(transformer.name_or_path), name))
    except (ModelError, OSError) as error:  # of another format, or not in one folder
        logger.info("%s: its weights are not compared with its files: %s", name, error)
        return None
    if (found := load_without_values(transformer, weights, {})) is None:
        return None
    missing = [key for key in found[1]["missing_keys"] if not key.startswith("pooler.")]
    info = found[1] | {"missing_keys": missing, "unexpected_keys": []}
    return weights_fault(info, type(transformer).__name__)
