"""Rows of a stored samples table in the forms that the assets work with."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from tshirt_assets.corpus.sample import Sample, from_table
from tshirt_assets.corpus.status import Status
from tshirt_assets.incremental.columns import ROW
from tshirt_assets.store.store import Store

if TYPE_CHECKING:
    from tshirt_assets.models.causal_lm import LoadedCausalLM
    from tshirt_assets.scoring.tokenize import TokenizedSample

ROW_COLUMNS = [field.name for field in ROW]


def to_frame(table: pa.Table) -> pl.DataFrame:
    """A polars frame over an Arrow table."""
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def row_frame(table: pa.Table) -> pl.DataFrame:
    """The ROW columns of a table, in stored order."""
    return to_frame(table.select(ROW_COLUMNS))


def samples_by_id(table: pa.Table) -> dict[str, Sample]:
    """The usable samples of a samples table; of duplicates the first."""
    samples: dict[str, Sample] = {}
    for sample in from_table(table):
        if sample.status is Status.OK:
            samples.setdefault(sample.sample_id, sample)
    return samples


def read_samples_by_id(store: Store, corpus: str, rows: pl.DataFrame) -> dict[str, Sample]:
    """The usable samples of `rows` (columns sample_id and shard), whatever shards hold them."""
    samples: dict[str, Sample] = {}
    for (shard,), group in rows.group_by("shard", maintain_order=True):
        table = store.read(corpus, "samples", str(shard), where=with_ids(group["sample_id"]))
        samples |= samples_by_id(table)
    return samples


def with_ids(sample_ids: Iterable[str]) -> str:
    """The condition, for a scan of a table, that a row has one of these sample ids."""
    return f"sample_id IN ({', '.join(map(repr, sample_ids))})"


def tokenize_rows(
    ids: Sequence[str], samples: Mapping[str, Sample], model: "LoadedCausalLM", prompt_format: str
) -> list["TokenizedSample"]:
    """The samples with these ids, in order, tokenized for a model."""
    from tshirt_assets.scoring.tokenize import tokenize_sample

    return [
        tokenize_sample(samples[sample_id], model.tokenizer, prompt_format, model.max_length)
        for sample_id in ids
    ]


def to_schema(frame: pl.DataFrame, schema: pa.Schema) -> pa.Table:
    """The frame in exactly the columns and types of `schema`; absent columns are null."""
    table = frame.to_arrow()
    columns = [
        table[field.name].cast(field.type)
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=schema)
