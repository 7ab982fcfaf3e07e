"""The rows of the table `search`: copies of texts from `samples` and vectors from `embeddings`."""

from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from tshirt_assets.incremental.columns import search_schema
from tshirt_assets.incremental.identity import data_version
from tshirt_assets.store.frames import to_frame, to_schema
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo

TEXTS = ["sample_id", "row", "instruction", "input", "response", "domain"]
VECTORS = ["sample_id", "shard", "row", "vector"]


def search_rows(store: Store, samples: TableInfo, embeddings: TableInfo) -> pa.Table:
    """The rows that `search` holds of one shard: those that have a vector, in their order."""
    texts = store.read(
        samples.corpus, samples.asset, samples.shard, columns=TEXTS, version=samples.version
    )
    vectors = store.read(
        embeddings.corpus,
        embeddings.asset,
        embeddings.shard,
        columns=VECTORS,
        where="status = 'ok'",
        version=embeddings.version,
    )
    rows = to_frame(vectors).join(to_frame(texts), on=["sample_id", "row"], maintain_order="left")
    return to_schema(rows, search_schema(vectors.schema.field("vector").type.list_size))


def changed_copies(
    store: Store,
    search: TableInfo,
    samples: Mapping[str, TableInfo],
    embeddings: Mapping[str, TableInfo],
) -> list[str]:
    """The shards whose rows in `search` are not those of the stored samples and embeddings.

    Both by shard. Reads all three tables once, one shard in memory at a time. Rows of shards that
    are not among them count as those of the shard "others".
    """
    expected = samples.keys() & embeddings.keys()
    seen: set[str] = set()
    changed: set[str] = set()
    others = False
    for shard, stored in _by_shard(store, search):
        if shard not in expected:
            others = True
            continue
        # A shard that comes twice lies in pieces, which it did not when it was written.
        if shard in seen or not _is_copy(store, stored, samples[shard], embeddings[shard]):
            changed.add(shard)
        seen.add(shard)
    for shard in expected - seen:
        if search_rows(store, samples[shard], embeddings[shard]).num_rows:
            changed.add(shard)
    return sorted(changed) + ["others"] * others


def _is_copy(store: Store, stored: pa.Table, samples: TableInfo, embeddings: TableInfo) -> bool:
    return data_version(stored) == data_version(search_rows(store, samples, embeddings))


def _by_shard(store: Store, search: TableInfo) -> Iterator[tuple[str, pa.Table]]:
    """(shard, rows) of every run of rows of one shard, in stored order."""
    held: list[pa.RecordBatch] = []
    for batch in store.batches(search.corpus, search.asset, version=search.version):
        runs = pc.run_end_encode(batch.column("shard"))
        start = 0
        for shard, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            if held and held[-1]["shard"][0].as_py() != shard:
                yield _joined(held)
                held = []
            held.append(batch.slice(start, end - start))
            start = end
    if held:
        yield _joined(held)


def _joined(batches: list[pa.RecordBatch]) -> tuple[str, pa.Table]:
    return str(batches[0]["shard"][0]), pa.Table.from_batches(batches).replace_schema_metadata(None)
