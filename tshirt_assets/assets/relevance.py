"""relevance: how well each response fits its instruction, by the cosine of their embeddings."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import dagster as dg
import numpy as np
import polars as pl
import pyarrow as pa

from tshirt_assets.incremental.catalog import EMBEDDINGS, RELEVANCE
from tshirt_assets.incremental.checks import carried_outcome, normalised_outcome
from tshirt_assets.incremental.columns import relevance_schema
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.identity import embeddings_identity, relevance_identity
from tshirt_assets.incremental.overlap import Computation
from tshirt_assets.incremental.score_table import ScoredShard, ScoreTable
from tshirt_assets.incremental.stored_rows import ROW_COLUMNS, last_turn
from tshirt_assets.incremental.writing import read_upstream
from tshirt_assets.models.cache import load_count
from tshirt_assets.orchestration.asset_run import Run
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.declaring import partitioned_asset
from tshirt_assets.orchestration.recording import (
    column_schema,
    describe_table,
    describe_work,
    finite_values,
    histogram_plot,
)
from tshirt_assets.orchestration.shard_loop import Report
from tshirt_assets.store.frames import to_frame, vector_column, with_ids
from tshirt_assets.store.table_info import TableInfo

if TYPE_CHECKING:
    from tshirt_assets.models.embedder import LoadedEmbedder

PREVIEW = ("row", "relevance", "status")


class Texts(NamedTuple):
    """What is compared of some rows: prompts (n, C) as embedded before, responses, last turns.

    A turn is None where the prompt is a single one, whose vector is `prompts`'.
    """

    sample_ids: Sequence[str]
    prompts: np.ndarray
    responses: Sequence[str]
    turns: Sequence[str | None]


def build(binding: Binding) -> dg.AssetsDefinition:
    """The `relevance` asset of a corpus."""
    return partitioned_asset(binding, RELEVANCE, prepare)


def prepare(run: Run) -> Callable[[str], Report]:
    """The function that measures one shard."""
    embedder = run.embedder
    identity = relevance_identity(embedder.identity)
    schema = relevance_schema(embedder.width)
    scores = run.score_table(RELEVANCE.name, identity, schema)
    return partial(process, scores, embedder)


def process(scores: ScoreTable, embedder: "LoadedEmbedder", shard: str) -> Report:
    """Measure one shard and report on it."""
    prompts = embedded_prompts(scores, embedder, shard)
    samples, version = read_upstream(
        scores.store, scores.corpus, "samples", shard, [*ROW_COLUMNS, "messages", "response"]
    )
    scored = measure_shard(scores, embedder, shard, to_frame(samples), prompts)
    metadata = describe_table(scored.info, scored.table, PREVIEW) | describe_work(scored)
    metadata |= {
        "model": embedder.options.path,
        "model_loads": load_count(),
        "width": embedder.width,
        "relevance_plot": histogram_plot(
            finite_values(scored.table, "relevance"), "cosine of instruction and response"
        ),
        "dagster/column_schema": column_schema(scores.schema),
    }
    return Report(
        data_version=scored.info.data_version,
        metadata=metadata,
        inputs={"samples": version, "embeddings": prompts.data_version},
        checks={
            "rows_carried_through": carried_outcome(scored.table, scored.asked),
            "vectors_normalised": normalised_outcome(scored.table),
        },
    )


def embedded_prompts(scores: ScoreTable, embedder: "LoadedEmbedder", shard: str) -> TableInfo:
    """The embeddings of a shard. `UpstreamError` where they are missing or another model's."""
    info = scores.store.info(scores.corpus, EMBEDDINGS.name, shard)
    if info is None or info.identity != embeddings_identity(embedder.identity):
        raise UpstreamError(
            f"embeddings of {shard} are missing or of another model; materialize them first"
        )
    return info


def measure_shard(
    scores: ScoreTable,
    embedder: "LoadedEmbedder",
    shard: str,
    rows: pl.DataFrame,
    prompts: TableInfo,
) -> ScoredShard:
    """The relevance of the rows of a shard (its samples), given the table of their prompts."""
    texts = rows.with_columns(turn=last_turn()).unique(
        "sample_id", keep="first", maintain_order=True
    )

    def read(ids: Sequence[str]) -> Texts:
        table = scores.store.read(
            prompts.corpus,
            prompts.asset,
            shard,
            columns=["sample_id", "vector"],
            where=f"status = 'ok' AND {with_ids(ids)}",
            version=prompts.version,
        )
        vectors = to_frame(table).unique("sample_id", keep="first")
        wanted = pl.DataFrame({"sample_id": ids}).join(
            texts.join(vectors, on="sample_id"), on="sample_id", maintain_order="left"
        )
        if wanted.height < len(ids):
            raise UpstreamError(
                f"embeddings of {shard} lack {len(ids) - wanted.height} of its rows; materialize "
                "them again"
            )
        return Texts(
            wanted["sample_id"].to_list(),
            wanted["vector"].to_numpy(),
            wanted["response"].to_list(),
            wanted["turn"].to_list(),
        )

    computation = Computation[Texts](read, partial(measured, embedder=embedder))
    return scores.score(shard, rows.select(ROW_COLUMNS), computation)


def measured(texts: Texts, *, embedder: "LoadedEmbedder") -> tuple[pa.Table, int]:
    """Relevance and vectors of these rows, as computed columns of `relevance`; no tokens."""
    with_turn = np.array([turn is not None for turn in texts.turns], bool)
    turns = [turn for turn in texts.turns if turn is not None]
    vectors = embedder.encode([*texts.responses, *turns])  # in one go: passes are sorted by length
    responses, turn_vectors = np.split(vectors, [len(texts.responses)])
    asked = texts.prompts.astype(np.float32)  # a copy
    asked[with_turn] = turn_vectors
    count = len(texts.sample_ids)
    table = pa.table(
        {
            "sample_id": list(texts.sample_ids),
            "status": ["ok"] * count,
            "status_detail": pa.nulls(count, pa.string()),
            "relevance": np.einsum("ij,ij->i", asked, responses),
            "vector": vector_column(responses),
            "turn_vector": vector_column(asked, missing=~with_turn),
        }
    )
    return table, 0
