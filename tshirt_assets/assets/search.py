"""search: one table of all texts and vectors of a corpus, for semantic search."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pyarrow as pa

from tshirt_assets.incremental.columns import column_schema, search_schema
from tshirt_assets.incremental.dataset import ALL_SHARDS, Dataset, open_dataset
from tshirt_assets.incremental.identity import combined_version
from tshirt_assets.incremental.rows import to_frame, to_schema
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.declaring import dataset_asset
from tshirt_assets.orchestration.shard_loop import check_result

ASSET = "search"
INDEX_FROM = 50_000  # rows; below, comparing all of them takes a fraction of a second
TEXTS = ["sample_id", "row", "instruction", "input", "response", "domain"]


def build_search(binding: Binding) -> dg.AssetsDefinition:
    """The `search` asset of a corpus."""
    config = binding.config

    def make(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from tshirt_assets.store.vector_search import build_index, has_index

        store = binding.store(context)
        embeddings = open_dataset(context, binding, store, "embeddings")
        samples = open_dataset(context, binding, store, "samples")
        model, width = embedded_with(embeddings)
        meta = {
            "identity": embeddings.identity,
            "data_version": combined_version(embeddings.versions | {"": samples.version}),
            "embedder": config.embedder.model_dump_json(exclude={"device"}),
            "fingerprint": model,
        }
        info = store.info(binding.name, ASSET)
        published = info is None or any(info.meta.get(key) != meta[key] for key in meta)
        if info is None or published:
            info = store.write_batches(
                binding.name,
                ASSET,
                None,
                search_schema(width),
                lambda: search_batches(embeddings, samples, width),
                meta,
            )
        indexed = info.rows >= INDEX_FROM
        if indexed and not has_index(store, info.name, "vector"):
            context.log.info(f"{ASSET}: indexing {info.rows:,} vectors")
            build_index(store, info.name, "vector")
        yield dg.MaterializeResult(
            metadata=embeddings.metadata()
            | {
                "dagster/row_count": info.rows,
                "dagster/column_schema": column_schema(search_schema(width)),
                "table": info.name,
                "table_version": info.version,
                "published": published,
                "indexed": indexed,
            },
            data_version=dg.DataVersion(meta["data_version"]),
        )
        outcome = embeddings.outcome(config.on_missing_shards)
        yield check_result(binding, ASSET, "all_shards_used", {"all shards": outcome})

    return dataset_asset(
        binding,
        ASSET,
        description="Texts and vectors of all usable rows in one LanceDB table, with an index when "
        "it is large: semantic search over the corpus, by `tshirt_assets.search` or "
        "`tshirt-assets search`.",
        deps=[binding.dep("embeddings", whole=True), binding.dep("samples", whole=True)],
        make=make,
        checks={"all_shards_used": ALL_SHARDS},
        kinds={"lancedb"},
        resources=("store",),
    )


def embedded_with(embeddings: Dataset) -> tuple[str, int]:
    """Fingerprint of the embedding model (empty if no row is usable) and width of its vectors."""
    width = 0
    for shard, info in embeddings.tables.items():
        table = embeddings.store.read(
            embeddings.corpus,
            "embeddings",
            shard,
            columns=["model", "vector"],
            where="status = 'ok'",
            version=info.version,
        )
        width = table.schema.field("vector").type.list_size
        if table.num_rows:
            return table["model"][0].as_py(), width
    return "", width


def search_batches(embeddings: Dataset, samples: Dataset, width: int) -> Iterator[pa.RecordBatch]:
    """The rows of the search table, one shard in memory at a time."""
    for shard, info in samples.tables.items():
        if shard not in embeddings.tables:
            continue
        texts = samples.store.read(
            samples.corpus, "samples", shard, columns=TEXTS, version=info.version
        )
        vectors = embeddings.store.read(
            embeddings.corpus,
            "embeddings",
            shard,
            columns=["sample_id", "shard", "row", "vector"],
            where="status = 'ok'",
            version=embeddings.tables[shard].version,
        )
        rows = to_frame(vectors).join(
            to_frame(texts), on=["sample_id", "row"], maintain_order="left"
        )
        yield from to_schema(rows, search_schema(width)).to_batches()
