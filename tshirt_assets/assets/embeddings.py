"""embeddings: one vector per sample over instruction and input, for the neighbour search."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import dagster as dg
import polars as pl
import pyarrow as pa

from tshirt_assets.incremental.catalog import EMBEDDINGS
from tshirt_assets.incremental.checks import carried_outcome, normalised_outcome
from tshirt_assets.incremental.columns import embeddings_schema
from tshirt_assets.incremental.identity import embeddings_identity
from tshirt_assets.incremental.overlap import Computation
from tshirt_assets.incremental.score_table import ScoredShard, ScoreTable
from tshirt_assets.incremental.stored_rows import ROW_COLUMNS, embedded_text
from tshirt_assets.incremental.writing import read_upstream
from tshirt_assets.models.cache import load_count
from tshirt_assets.orchestration.asset_run import Run
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.declaring import partitioned_asset
from tshirt_assets.orchestration.recording import column_schema, describe_table, describe_work
from tshirt_assets.orchestration.shard_loop import Report
from tshirt_assets.store.frames import to_frame, vector_column

if TYPE_CHECKING:
    from tshirt_assets.models.embedder import LoadedEmbedder

PREVIEW = ("row", "sample_id", "status")


def build(binding: Binding) -> dg.AssetsDefinition:
    """The `embeddings` asset of a corpus."""
    return partitioned_asset(binding, EMBEDDINGS, prepare)


def prepare(run: Run) -> Callable[[str], Report]:
    """The function that embeds one shard."""
    embedder = run.embedder
    identity = embeddings_identity(embedder.identity)
    schema = embeddings_schema(embedder.width)
    scores = run.score_table(EMBEDDINGS.name, identity, schema)
    return partial(process, scores, embedder)


def process(scores: ScoreTable, embedder: "LoadedEmbedder", shard: str) -> Report:
    """Embed one shard and report on it."""
    scored, samples_version = embed_shard(scores, embedder, shard)
    metadata = describe_table(scored.info, scored.table, PREVIEW) | describe_work(scored)
    metadata |= {
        "model": embedder.options.path,
        "model_loads": load_count(),
        "width": embedder.width,
        "dagster/column_schema": column_schema(scores.schema),
    }
    return Report(
        data_version=scored.info.data_version,
        metadata=metadata,
        inputs={"samples": samples_version},
        checks={
            "rows_carried_through": carried_outcome(scored.table, scored.asked),
            "vectors_normalised": normalised_outcome(scored.table),
        },
    )


def embed_shard(
    scores: ScoreTable, embedder: "LoadedEmbedder", shard: str
) -> tuple[ScoredShard, str]:
    """The vectors of a shard, and the data version of its samples."""
    columns = [*ROW_COLUMNS, "instruction", "input"]
    samples, version = read_upstream(scores.store, scores.corpus, "samples", shard, columns)
    rows = to_frame(samples)
    texts = texts_by_id(rows)
    computation = Computation[dict[str, str]](
        prepare=lambda ids: {sample_id: texts[sample_id] for sample_id in ids},
        run=partial(embedded, embedder=embedder),
    )
    return scores.score(shard, rows.select(ROW_COLUMNS), computation), version


def embedded(texts: Mapping[str, str], *, embedder: "LoadedEmbedder") -> tuple[pa.Table, int]:
    """The vectors of these texts by sample id, as computed columns of `embeddings`; no tokens."""
    vectors = embedder.encode(list(texts.values()))
    table = pa.table(
        {
            "sample_id": list(texts),
            "status": ["ok"] * len(texts),
            "status_detail": pa.nulls(len(texts), pa.string()),
            "vector": vector_column(vectors),
            "model": [embedder.fingerprint] * len(texts),
        }
    )
    return table, 0


def texts_by_id(rows: pl.DataFrame) -> dict[str, str]:
    """What is embedded of every sample."""
    return {
        sample_id: embedded_text(instruction, input_text)
        for sample_id, instruction, input_text in rows.select(
            "sample_id", "instruction", "input"
        ).iter_rows()
    }
