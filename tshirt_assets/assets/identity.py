"""Hashes that say what a row depends on, and whether stored rows are still those."""

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tshirt_assets.config import CorpusConfig

if TYPE_CHECKING:
    from tshirt_assets.resources.causal_lm import LoadedCausalLM

# Raise an asset's version when its numbers would change for the same input: it is the Dagster
# code version, and part of the score identity.
CODE_VERSIONS = {
    "samples": "1",
    "embeddings": "1",
    "token_scores": "1",
    "contenders": "1",
    "robust_scores": "1",
    "neighbours": "1",
    "miwv_scores": "1",
    "selected_subset": "1",
}


def identity_hash(asset: str, **parts: Any) -> str:
    """Score identity: 16 hex digits over everything that changes a score of `asset`."""
    payload = {"asset": asset, "code_version": CODE_VERSIONS[asset], **parts}
    return _hash(json.dumps(payload, sort_keys=True, default=str).encode())


def loss_identity(asset: str, config: CorpusConfig, model: "LoadedCausalLM", **parts: Any) -> str:
    """Identity of scores made of token losses: model, precision, prompts, and `parts`."""
    return identity_hash(asset, prompt_format=config.prompt_format, **model.identity, **parts)


def data_version(table: pa.Table) -> str:
    """Hash of a table's rows: equal rows give an equal version, however they were computed."""
    digest = hashlib.blake2b(digest_size=8)
    sink = _HashingSink(digest)
    table = table.replace_schema_metadata(None).combine_chunks()
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), table.schema) as writer:
        writer.write_table(table, max_chunksize=65_536)
    return digest.hexdigest()


def combined_version(versions: dict[str, str]) -> str:
    """One version for a dataset-wide asset over its shards' versions."""
    return _hash(json.dumps(versions, sort_keys=True).encode())


def _hash(payload: bytes) -> str:
    return hashlib.blake2b(payload, digest_size=8).hexdigest()


class _HashingSink:
    """A write-only file that keeps nothing but the hash."""

    closed = False

    def __init__(self, digest: Any):
        self._digest = digest

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass
