"""Hashes that say what a row depends on, and whether stored rows are still those."""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.chat_template import template_facts
from tshirt_assets.incremental.catalog import ASSETS, EMBEDDINGS, RELEVANCE

if TYPE_CHECKING:
    from tshirt_assets.models.causal_lm import LoadedCausalLM

_HASHED_ROWS = 65_536  # at a time: bounds the memory of a hash


def identity_hash(asset: str, **parts: Any) -> str:
    """Score identity: 16 hex digits over everything that changes a score of `asset`."""
    payload = {"asset": asset, "code_version": ASSETS[asset].code_version, **parts}
    return _hash(json.dumps(payload, sort_keys=True, default=str).encode())


def loss_identity(asset: str, config: CorpusConfig, model: "LoadedCausalLM", **parts: Any) -> str:
    """Identity of scores made of token losses: model, precision, prompts, and `parts`.

    Raises `CorpusError` when prompts need a chat template that the model does not have.
    """
    chat = config.prompt_format == "chat_template"
    rendering = template_facts(model.tokenizer) if chat else {}
    return identity_hash(
        asset, prompt_format=config.prompt_format, **rendering, **model.identity, **parts
    )


def embeddings_identity(embedder: Mapping[str, Any]) -> str:
    """Identity of vectors, by the facts of their model; see `LoadedEmbedder.identity`."""
    return identity_hash(EMBEDDINGS.name, **embedder)


def relevance_identity(embedder: Mapping[str, Any]) -> str:
    """Identity of relevances, by the facts of the model and by how prompts were embedded."""
    return identity_hash(RELEVANCE.name, prompts=embeddings_identity(embedder), **embedder)


def data_version(table: pa.Table) -> str:
    """Hash of a table's rows: equal rows give an equal version, however they were computed.

    It covers names and values only: stored rows come back with other chunks, offsets and bytes
    under their nulls than they were written with.
    """
    digest = hashlib.blake2b(digest_size=8)
    for name, column in zip(table.column_names, table.columns, strict=True):
        digest.update(f"{name}:{len(column)};".encode())
        for start in range(0, len(column), _HASHED_ROWS):
            _hash_values(digest, column.slice(start, _HASHED_ROWS).combine_chunks())
    return digest.hexdigest()


def combined_version(versions: dict[str, str]) -> str:
    """One version for a dataset-wide asset over its shards' versions."""
    return _hash(json.dumps(versions, sort_keys=True).encode())


def _hash(payload: bytes) -> str:
    return hashlib.blake2b(payload, digest_size=8).hexdigest()


def _hash_values(digest: Any, array: pa.Array) -> None:
    digest.update(_valid_bits(array))
    values = array.drop_null()
    kind = values.type
    if pa.types.is_struct(kind):
        for child in values.flatten():
            _hash_values(digest, child)
    elif pa.types.is_fixed_size_list(kind):
        _hash_values(digest, values.flatten())
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        digest.update(pc.list_value_length(values).to_numpy().astype(np.int64))
        _hash_values(digest, values.flatten())
    elif pa.types.is_primitive(kind):
        digest.update(values.to_numpy(zero_copy_only=False))
    elif not pa.types.is_null(kind):  # text
        digest.update(pc.binary_length(values).to_numpy().astype(np.int64))
        digest.update(_characters(values.cast(pa.large_binary())))


def _valid_bits(array: pa.Array) -> np.ndarray:
    """Which values are not null, (n / 8,) uint8: the first in the highest bit."""
    if array.null_count:
        return np.packbits(array.is_valid().to_numpy(zero_copy_only=False))
    bits = np.full(-(-len(array) // 8), 0xFF, np.uint8)
    if rest := len(array) % 8:
        bits[-1] = 0xFF00 >> rest & 0xFF
    return bits


def _characters(texts: pa.LargeBinaryArray) -> memoryview:
    """The bytes of all texts, of which none is null, one after the other."""
    _, offsets, data = texts.buffers()
    if not len(texts) or data is None:
        return memoryview(b"")
    ends = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    return memoryview(data)[ends[0] : ends[-1]]
