"""What is left to embed, in the tokens of the embedding model."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tshirt_assets.config import EmbedderOptions
from tshirt_assets.corpus.sample import Sample
from tshirt_assets.incremental.identity import embeddings_identity, relevance_identity
from tshirt_assets.incremental.planning.present_rows import PresentRows
from tshirt_assets.incremental.planning.row_tokens import COUNTED_ROWS
from tshirt_assets.incremental.planning.stored_ids import StoredIds
from tshirt_assets.incremental.planning.work import Work
from tshirt_assets.incremental.stored_rows import embedded_text
from tshirt_assets.models.checkpoint import shapes, weight_files
from tshirt_assets.models.embedder import LoadedEmbedder
from tshirt_assets.models.model_files import ModelError, first_line, locate_model
from tshirt_assets.models.model_size import ModelSize


def embedding_work(present: PresentRows, stored: StoredIds, embedder: LoadedEmbedder) -> Work:
    """The rows without a vector, and their tokens. Raises `ModelError`."""
    identity = embeddings_identity(embedder.identity)
    return _missing(present, stored, embedder, "embeddings", identity, _prompt)


def relevance_work(present: PresentRows, stored: StoredIds, embedder: LoadedEmbedder) -> Work:
    """The rows without a relevance, and the tokens of their responses. Raises `ModelError`."""
    identity = relevance_identity(embedder.identity)
    return _missing(present, stored, embedder, "relevance", identity, lambda row: row.response)


def _missing(
    present: PresentRows,
    stored: StoredIds,
    embedder: LoadedEmbedder,
    asset: str,
    identity: str,
    text: Callable[[Sample], str],
) -> Work:
    keys = [shard.key for shard in present.shards]
    known = set(stored.under(asset, identity, keys)["sample_id"])
    left: list[Sample] = []
    weights: list[float] = []
    total = 0.0
    for shard in present.shards:
        total += len(shard.samples) * shard.weight
        missing = [sample for sample in shard.samples.values() if sample.sample_id not in known]
        left += missing
        weights += [shard.weight] * len(missing)
    rows = sum(weights)
    if not left:
        return Work(reused=total)
    step = -(-len(left) // COUNTED_ROWS)
    lengths = _lengths(left[::step], embedder.options, text)
    weight = np.array(weights[::step])
    weight *= rows / weight.sum()
    flops = _flops(lengths, embedder.options)
    return Work(rows, total - rows, float(weight @ lengths), {"embedding": float(weight @ flops)})


def embedding_flops(samples: Sequence[Sample], options: EmbedderOptions) -> np.ndarray:
    """(N,) floating-point operations that embedding each of these samples takes."""
    return _flops(_lengths(samples, options, _prompt), options)


def _prompt(sample: Sample) -> str:
    return embedded_text(sample.instruction, sample.input)


def _flops(lengths: np.ndarray, options: EmbedderOptions) -> np.ndarray:
    return _size(options).flops(lengths, np.zeros(len(lengths)))


def _lengths(
    samples: Sequence[Sample], options: EmbedderOptions, text: Callable[[Sample], str]
) -> np.ndarray:
    """(N,) tokens of what is embedded of each sample, as far as the model looks at it."""
    from transformers import AutoTokenizer

    folder, longest = _transformer(options)
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(
            folder, trust_remote_code=options.trust_remote_code, local_files_only=True
        )
        ids = tokenizer([text(sample) for sample in samples], truncation=False, verbose=False)[
            "input_ids"
        ]
    except Exception as error:
        raise ModelError(
            f"embedder {options.path!r}: no usable tokenizer: {first_line(error)}"
        ) from error
    longest = longest or min(tokenizer.model_max_length, 1 << 20)
    return np.minimum([len(row) for row in ids], longest)


def _transformer(options: EmbedderOptions) -> tuple[Path, int | None]:
    """Folder of the transformer of an embedder, and the most tokens that it looks at."""
    folder = locate_model(
        options.path, options.revision, trust_remote_code=options.trust_remote_code
    )
    modules = folder / "modules.json"
    if modules.is_file():
        folder = folder / json.loads(modules.read_text(encoding="utf-8"))[0].get("path", "")
    limits = folder / "sentence_bert_config.json"
    if limits.is_file():
        return folder, json.loads(limits.read_text(encoding="utf-8")).get("max_seq_length")
    return folder, None


def _size(options: EmbedderOptions) -> ModelSize:
    from transformers import AutoConfig

    folder, _ = _transformer(options)
    config = AutoConfig.from_pretrained(
        folder, trust_remote_code=options.trust_remote_code, local_files_only=True
    )
    return ModelSize.of(config, shapes(weight_files(folder, f"embedder {options.path!r}")))
