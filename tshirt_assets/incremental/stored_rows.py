"""Rows of a stored samples table in the forms that the assets work with."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from tshirt_assets.corpus.sample import SAMPLES_SCHEMA, Sample, from_table
from tshirt_assets.corpus.status import Status
from tshirt_assets.incremental.columns import ROW
from tshirt_assets.store.frames import to_frame, with_ids
from tshirt_assets.store.store import Store

if TYPE_CHECKING:
    from tshirt_assets.models.causal_lm import LoadedCausalLM
    from tshirt_assets.scoring.tokenize import TokenizedSample

ROW_COLUMNS = [field.name for field in ROW]
PLACE = ("sample_id", "shard", "row")
TEXT_COLUMNS = (*PLACE, "messages", "instruction", "input", "response", "domain", "extra")
ROWS_PER_QUERY = 2_000  # row numbers in the condition of one scan


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


def read_texts(
    store: Store, corpus: str, wanted: pl.DataFrame, versions: Mapping[str, int] | None = None
) -> pl.DataFrame:
    """The samples of the rows in `wanted` (columns shard and row), in no particular order.

    Only those rows are read, however large their shards are; of the given table version of each
    shard, or of the latest.
    """
    found = [
        to_frame(
            store.read(
                corpus,
                "samples",
                str(shard),
                columns=TEXT_COLUMNS,
                where=f"row IN ({', '.join(map(str, chunk['row']))})",
                version=(versions or {}).get(str(shard)),
            )
        )
        for (shard,), rows in wanted.select("shard", "row").group_by("shard", maintain_order=True)
        for chunk in rows.iter_slices(ROWS_PER_QUERY)
    ]
    return pl.concat(found) if found else to_frame(SAMPLES_SCHEMA.empty_table())


def tokenize_rows(
    ids: Sequence[str], samples: Mapping[str, Sample], model: "LoadedCausalLM", prompt_format: str
) -> list["TokenizedSample"]:
    """The samples with these ids, in order, tokenized for a model."""
    from tshirt_assets.scoring.tokenize import tokenize_samples

    rows = [samples[sample_id] for sample_id in ids]
    return tokenize_samples(rows, model.tokenizer, prompt_format, model.max_length)
