"""neighbours: the nearest other sample of every sample, brought up to date with new shards."""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import numpy as np
import polars as pl

from tshirt_assets.incremental.checks import NOT_SELF
from tshirt_assets.incremental.columns import NEIGHBOURS
from tshirt_assets.incremental.dataset import ALL_SHARDS, open_dataset
from tshirt_assets.incremental.identity import identity_hash
from tshirt_assets.incremental.rows import to_frame, to_schema
from tshirt_assets.incremental.writing import write_table
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.declaring import dataset_asset
from tshirt_assets.orchestration.recording import describe_table, finite, histogram
from tshirt_assets.orchestration.shard_loop import CheckOutcome, check_result

ASSET = "neighbours"


def build_neighbours(binding: Binding) -> dg.AssetsDefinition:
    """The `neighbours` asset of a corpus."""
    config = binding.config

    def make(context: dg.AssetExecutionContext) -> Iterator[Any]:
        from tshirt_assets.selection.nearest import nearest

        store = binding.store(context)
        dataset = open_dataset(context, binding, store, "embeddings")
        identity = identity_hash(
            ASSET, embeddings=dataset.identity, exclude_duplicates=config.exclude_duplicates
        )

        def blocks() -> Iterator[tuple[Sequence[str], np.ndarray]]:
            for _, batch in dataset.batches(["sample_id", "vector"], "status = 'ok'"):
                vectors = batch.column("vector")
                flat = vectors.flatten().to_numpy()
                yield batch.column("sample_id").to_pylist(), flat.reshape(len(vectors), -1)

        before = store.info(binding.name, ASSET)
        previous = None
        if before is not None and before.meta.get("identity") == identity:
            previous = to_frame(store.read(binding.name, ASSET, version=before.version))
            previous = previous.select("sample_id", "neighbour_id", "similarity")

        def progress(share: float) -> None:
            context.log.info(f"{ASSET}: {share:.0%} compared")

        found = nearest(
            blocks,
            previous=previous,
            exclude_duplicates=config.exclude_duplicates,
            exact_up_to=config.exact_neighbours_up_to,
            seed=config.seed,
            progress=progress,
        )
        shards = dataset.frame(["sample_id", "shard"], "status = 'ok'").unique(
            "sample_id", keep="first", maintain_order=True
        )
        shards = shards.rename({"sample_id": "neighbour_id", "shard": "neighbour_shard"})
        frame = found.frame.join(shards, on="neighbour_id", how="left", maintain_order="left")
        table = to_schema(frame, NEIGHBOURS)
        info = write_table(store, binding, ASSET, None, table, identity=identity)
        metadata = describe_table(info, table, NEIGHBOURS.names)
        metadata |= dataset.metadata() | {
            "method": found.method,
            "searched": found.searched,
            "changed": found.changed,
            "similarity_plot": histogram(finite(table, "similarity"), "cosine to the nearest"),
        }
        if found.recall is not None:
            metadata["recall_at_1"] = found.recall
        yield dg.MaterializeResult(
            metadata=metadata, data_version=dg.DataVersion(info.meta["data_version"])
        )
        selves = frame.filter(pl.col("sample_id") == pl.col("neighbour_id")).height
        not_self = CheckOutcome(
            selves == 0 or not config.exclude_duplicates, f"{selves} rows are their own neighbour"
        )
        used = dataset.outcome(config.on_missing_shards)
        yield check_result(binding, ASSET, "neighbour_is_not_self", {"all shards": not_self})
        yield check_result(binding, ASSET, "all_shards_used", {"all shards": used})

    return dataset_asset(
        binding,
        ASSET,
        description="For every sample the other sample with the most similar instruction and "
        "input: the demo of its MIWV. Exact; a new shard is compared with what is there.",
        deps=[binding.dep("embeddings", whole=True)],
        make=make,
        checks={"neighbour_is_not_self": NOT_SELF, "all_shards_used": ALL_SHARDS},
        kinds={"lancedb", "polars"},
        resources=("store",),
        schema=NEIGHBOURS,
    )
