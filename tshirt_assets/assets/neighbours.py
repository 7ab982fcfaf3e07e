"""neighbours: the nearest other sample of every sample, brought up to date with new shards."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import polars as pl

from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental.catalog import NEIGHBOURS
from tshirt_assets.incremental.checks import CheckOutcome
from tshirt_assets.incremental.columns import NEIGHBOURS as COLUMNS
from tshirt_assets.incremental.dataset import Dataset
from tshirt_assets.incremental.identity import identity_hash
from tshirt_assets.incremental.soundness import reusable_rows
from tshirt_assets.incremental.writing import write_table
from tshirt_assets.orchestration.asset_run import Run
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.declaring import corpus_asset
from tshirt_assets.orchestration.recording import (
    describe_shards,
    describe_table,
    finite_values,
    histogram_plot,
)
from tshirt_assets.orchestration.shard_loop import Report
from tshirt_assets.store.frames import to_frame, to_schema

if TYPE_CHECKING:
    from tshirt_assets.selection.nearest import Neighbours


def build(binding: Binding) -> dg.AssetsDefinition:
    """The `neighbours` asset of a corpus."""
    return corpus_asset(binding, NEIGHBOURS, make)


def make(run: Run) -> Report:
    """Bring the neighbours up to date, store them and report on them."""
    config, name = run.config, NEIGHBOURS.name
    dataset = run.dataset("embeddings")
    identity = identity_hash(
        name, embeddings=dataset.identity, exclude_duplicates=config.exclude_duplicates
    )
    found = find_neighbours(dataset, config, identity, run.log)
    table = to_schema(with_shards(found.frame, dataset), COLUMNS)
    info = write_table(run.store, config.name, name, None, table, identity=identity)
    metadata = describe_table(info, table, COLUMNS.names) | describe_shards(dataset)
    metadata |= {
        "method": found.method,
        "searched": found.searched,
        "changed": found.changed,
        "similarity_plot": histogram_plot(
            finite_values(table, "similarity"), "cosine to the nearest"
        ),
    }
    if found.recall is not None:
        metadata["recall_at_1"] = found.recall
    selves = found.frame.filter(pl.col("sample_id") == pl.col("neighbour_id")).height
    return Report(
        data_version=info.data_version,
        metadata=metadata,
        checks={
            "neighbour_is_not_self": CheckOutcome(
                selves == 0 or not config.exclude_duplicates,
                f"{selves} rows are their own neighbour",
            ),
            "all_shards_used": dataset.outcome(config.on_missing_shards),
        },
    )


def find_neighbours(
    dataset: Dataset, config: CorpusConfig, identity: str, log: Any
) -> "Neighbours":
    """The nearest neighbours over all embeddings, going on from stored ones of this identity."""
    from tshirt_assets.selection.nearest import nearest

    def blocks() -> Iterator[tuple[Sequence[str], np.ndarray]]:
        for _, batch in dataset.batches(["sample_id", "vector"], "status = 'ok'"):
            vectors = batch.column("vector")
            flat = vectors.flatten().to_numpy()
            yield batch.column("sample_id").to_pylist(), flat.reshape(len(vectors), -1)

    stored = reusable_rows(
        dataset.store,
        config.name,
        NEIGHBOURS.name,
        None,
        identity=identity,
        schema=COLUMNS,
        log=log,
    )
    previous = None
    if stored is not None:
        previous = to_frame(stored).select("sample_id", "neighbour_id", "similarity")
    return nearest(
        blocks,
        previous=previous,
        exclude_duplicates=config.exclude_duplicates,
        exact_up_to=config.exact_neighbours_up_to,
        seed=config.seed,
        device=config.embedder.device,
        progress=lambda share: log.info(f"{NEIGHBOURS.name}: {share:.0%} compared"),
    )


def with_shards(neighbours: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """The neighbours with a shard that holds each of them."""
    shards = dataset.frame(["sample_id", "shard"], "status = 'ok'").unique(
        "sample_id", keep="first", maintain_order=True
    )
    shards = shards.rename({"sample_id": "neighbour_id", "shard": "neighbour_shard"})
    return neighbours.join(shards, on="neighbour_id", how="left", maintain_order="left")
