"""embeddings: one vector per sample over instruction and input, for the neighbour search."""

from collections.abc import Callable, Sequence

import dagster as dg
import polars as pl
import pyarrow as pa

from tshirt_assets.incremental.checks import (
    CARRIED,
    NORMALISED,
    carried_outcome,
    normalised_outcome,
)
from tshirt_assets.incremental.columns import column_schema, embeddings_schema
from tshirt_assets.incremental.identity import identity_hash
from tshirt_assets.incremental.rows import ROW_COLUMNS, to_frame
from tshirt_assets.incremental.score_table import ScoreTable
from tshirt_assets.incremental.writing import read_upstream
from tshirt_assets.models.cache import load_count
from tshirt_assets.orchestration.binding import GPU_POOL, Binding
from tshirt_assets.orchestration.declaring import partitioned_asset
from tshirt_assets.orchestration.recording import describe_table, describe_work
from tshirt_assets.orchestration.shard_loop import ShardReport


def build_embeddings(binding: Binding) -> dg.AssetsDefinition:
    """The `embeddings` asset of a corpus."""
    asset = "embeddings"

    def prepare(context: dg.AssetExecutionContext) -> Callable[[str], ShardReport]:
        store = binding.store(context)
        embedder = binding.embedder(context)
        identity = identity_hash(asset, **embedder.identity)
        schema = embeddings_schema(embedder.width)
        scores = ScoreTable(store, binding, asset, identity, schema, context.log)

        def process(shard: str) -> ShardReport:
            columns = [*ROW_COLUMNS, "instruction", "input"]
            samples, samples_version = read_upstream(store, binding, "samples", shard, columns)
            rows = to_frame(samples)
            texts = dict(zip(rows["sample_id"], _texts(rows), strict=True))

            def compute(ids: Sequence[str]) -> tuple[pa.Table, int]:
                vectors = embedder.encode([texts[sample_id] for sample_id in ids])
                flat = pa.array(vectors.reshape(-1))
                table = pa.table(
                    {
                        "sample_id": list(ids),
                        "status": ["ok"] * len(ids),
                        "status_detail": pa.nulls(len(ids), pa.string()),
                        "vector": pa.FixedSizeListArray.from_arrays(flat, embedder.width),
                        "model": [embedder.fingerprint] * len(ids),
                    }
                )
                return table, 0

            scored = scores.score(shard, rows.select(ROW_COLUMNS), compute)
            metadata = describe_table(scored.info, scored.table, ("row", "sample_id", "status"))
            metadata |= describe_work(scored)
            metadata |= {
                "model": embedder.options.path,
                "model_loads": load_count(),
                "width": embedder.width,
                "dagster/column_schema": column_schema(schema),
            }
            return ShardReport(
                data_version=scored.info.meta["data_version"],
                metadata=metadata,
                inputs={"samples": samples_version},
                checks={
                    "rows_carried_through": carried_outcome(scored.table, rows.height),
                    "vectors_normalised": normalised_outcome(scored.table),
                },
            )

        return process

    return partitioned_asset(
        binding,
        asset,
        description="L2-normalised sentence embeddings of instruction and input (never of the "
        "response), from which MIWV retrieves its demo.",
        deps=[binding.dep("samples")],
        prepare=prepare,
        checks={"rows_carried_through": CARRIED, "vectors_normalised": NORMALISED},
        kinds={"lancedb", "huggingface"},
        resources=("store", "embedder"),
        pool=GPU_POOL,
    )


def _texts(rows: pl.DataFrame) -> list[str]:
    return [
        f"{instruction}\n{input_text}" if input_text else instruction or ""
        for instruction, input_text in zip(rows["instruction"], rows["input"], strict=True)
    ]
