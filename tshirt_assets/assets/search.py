"""search: one table of all texts and vectors of a corpus, for semantic search."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import dagster as dg
import pyarrow as pa

from tshirt_assets.incremental.catalog import SEARCH
from tshirt_assets.incremental.columns import search_schema
from tshirt_assets.incremental.dataset import Dataset
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.identity import combined_version
from tshirt_assets.incremental.search_copies import changed_copies, search_rows
from tshirt_assets.orchestration.asset_run import Run
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.declaring import corpus_asset
from tshirt_assets.orchestration.recording import column_schema, describe_shards
from tshirt_assets.orchestration.shard_loop import Report
from tshirt_assets.store.faults import DamagedTableError
from tshirt_assets.store.table_info import TableInfo

INDEX_FROM = 200_000  # rows; below, comparing all of them takes a fifth of a second or less


def build(binding: Binding) -> dg.AssetsDefinition:
    """The `search` asset of a corpus."""
    return corpus_asset(binding, SEARCH, make)


def make(run: Run) -> Report:
    """Publish the search table where it has changed, index it where it is large, and report."""
    from tshirt_assets.store.vector_search import build_index, has_index

    embeddings, samples = run.dataset("embeddings"), run.dataset("samples")
    model, width = embedded_with(embeddings)
    facts = TableFacts(
        embedder=run.config.embedder.model_dump(mode="json", exclude={"device"}), fingerprint=model
    )
    info, published = publish(embeddings, samples, width, facts, run.log)
    indexed = info.rows >= INDEX_FROM
    if indexed and not has_index(run.store, info.name, "vector"):
        run.log.info(f"{SEARCH.name}: indexing {info.rows:,} vectors")
        build_index(run.store, info.name, "vector")
    return Report(
        data_version=info.data_version,
        metadata=describe_shards(embeddings)
        | {
            "dagster/row_count": info.rows,
            "dagster/column_schema": column_schema(search_schema(width)),
            "table": info.name,
            "table_version": info.version,
            "published": published,
            "indexed": indexed,
        },
        checks={"all_shards_used": embeddings.outcome(run.config.on_missing_shards)},
    )


def publish(
    embeddings: Dataset, samples: Dataset, width: int, facts: TableFacts, log: Any
) -> tuple[TableInfo, bool]:
    """The search table, and whether it had to be written.

    It is where its rows or its model have changed, or where it is not what was written.
    """
    store, corpus = embeddings.store, embeddings.corpus
    identity = embeddings.identity
    version = combined_version(embeddings.versions | {"": samples.version})
    with suppress(DamagedTableError, UpstreamError):  # then it is written again
        info = store.info(corpus, SEARCH.name)
        if info is not None and (info.identity, info.data_version) == (identity, version):
            stored = TableFacts.of(info)
            if (stored.embedder, stored.fingerprint) == (facts.embedder, facts.fingerprint):
                changed = changed_copies(store, info, samples.tables, embeddings.tables)
                if not changed:
                    return info, False
                log.warning(
                    f"{SEARCH.name}: its rows of {', '.join(changed)} have changed since they were "
                    "written; it is published again"
                )
    written = store.write_batches(
        corpus,
        SEARCH.name,
        None,
        search_schema(width),
        lambda: search_batches(embeddings, samples),
        {"identity": identity, "data_version": version} | facts.to_meta(),
    )
    return written, True


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


def search_batches(embeddings: Dataset, samples: Dataset) -> Iterator[pa.RecordBatch]:
    """The rows of the search table, one shard in memory at a time."""
    for shard, info in samples.tables.items():
        if shard in embeddings.tables:
            rows = search_rows(samples.store, info, embeddings.tables[shard])
            yield from rows.to_batches()
