"""Rows of a stored samples table in the forms that the assets work with."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from tshirt_assets.corpus.sample import SAMPLES_SCHEMA, Sample, from_table
from tshirt_assets.corpus.status import Status
from tshirt_assets.incremental.columns import ROW
from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.frames import to_frame, with_ids
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo

if TYPE_CHECKING:
    from tshirt_assets.models.causal_lm import LoadedCausalLM
    from tshirt_assets.scoring.tokenize import TokenizedSample

ROW_COLUMNS = [field.name for field in ROW]
PLACE = ("sample_id", "shard", "row")
TEXT_COLUMNS = (*PLACE, "messages", "instruction", "input", "response", "domain", "extra")
ROWS_PER_QUERY = 2_000  # row numbers in the condition of one scan
PARSED_AT_ONCE = 512  # rows
HELD_BYTES = 64 << 20  # of texts that were read
SIZED_AT_ONCE = 8  # tables, of which few are looked at where they are large


def row_frame(table: pa.Table) -> pl.DataFrame:
    """The ROW columns of a table, in stored order."""
    return to_frame(table.select(ROW_COLUMNS))


def embedded_text(instruction: str | None, input_text: str | None) -> str:
    """What is embedded of a sample: its instruction, and its input on a line of its own."""
    return f"{instruction}\n{input_text}" if input_text else instruction or ""


def last_turn() -> pl.Expr:
    """What a response answers to, of a column `messages`: the turn before it.

    Null where that is the whole prompt, as `embedded_text` has it.
    """
    turns = pl.col("messages")
    content = turns.list.get(-2, null_on_oob=True).struct.field("content")
    return pl.when(turns.list.len() > 2).then(content)


def samples_by_id(table: pa.Table) -> dict[str, Sample]:
    """The usable samples of a samples table; of duplicates the first."""
    samples: dict[str, Sample] = {}
    for sample in from_table(table):
        if sample.status is Status.OK:
            samples.setdefault(sample.sample_id, sample)
    return samples


class ShardSamples(Mapping[str, Sample]):
    """`samples_by_id` of a shard's table, where rows are parsed when they are asked for.

    Where nearly all rows are scored already, nearly none is. Many at a time cost less, see
    `parsed`.
    """

    def __init__(self, table: pa.Table):
        rows = to_frame(table.select(["sample_id", "status"])).with_row_index("at")
        usable = rows.filter(pl.col("status") == Status.OK.value).unique(
            "sample_id", keep="first", maintain_order=True
        )
        self._at = dict(usable.select("sample_id", "at").iter_rows())
        self._table = table
        self._parsed: dict[str, Sample] = {}

    def __getitem__(self, sample_id: str) -> Sample:
        if sample_id not in self._parsed:
            self.parse([sample_id])
        return self._parsed[sample_id]

    def __contains__(self, sample_id: object) -> bool:
        return sample_id in self._at

    def __iter__(self) -> Iterator[str]:
        return iter(self._at)

    def __len__(self) -> int:
        return len(self._at)

    def parse(self, ids: Iterable[str]) -> None:
        """Parse the rows of those of these sample ids that are there."""
        new = [i for i in dict.fromkeys(ids) if i in self._at and i not in self._parsed]
        for start in range(0, len(new), PARSED_AT_ONCE):
            some = new[start : start + PARSED_AT_ONCE]
            rows = self._table.take([self._at[sample_id] for sample_id in some])
            self._parsed |= dict(zip(some, from_table(rows), strict=True))


def parsed(samples: Mapping[str, Sample], ids: Iterable[str]) -> Mapping[str, Sample]:
    """The same samples, of which those with these ids are parsed at once."""
    if isinstance(samples, ShardSamples):
        samples.parse(ids)
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
    shard, or of the latest. Raises `StoreError` where there is none.
    """
    groups = {
        str(shard): rows["row"].to_list()
        for (shard,), rows in wanted.select("shard", "row").group_by("shard", maintain_order=True)
    }
    tables = _samples_at(store, corpus, list(groups), versions or {})
    found = [to_frame(SAMPLES_SCHEMA.empty_table()).select(TEXT_COLUMNS)]
    for start in range(0, max(map(len, groups.values()), default=0), ROWS_PER_QUERY):
        numbers = {
            table.name: ", ".join(map(str, groups[shard][start : start + ROWS_PER_QUERY]))
            for shard, table in tables.items()
        }
        some = [table for table in tables.values() if numbers[table.name]]
        where = {name: f"row IN ({listed})" for name, listed in numbers.items() if listed}
        found += map(to_frame, store.read_many(some, columns=TEXT_COLUMNS, where=where))
    return pl.concat(found)


class HeldTexts:
    """`read_texts` at one version of each shard; what was read is held for the next time.

    tables: the samples tables by shard, at their versions. Of some rows a subset, its report and
    the report across recipes show one thing after the other. At most HELD_BYTES are held: all
    texts, read at once, where they are no more.
    """

    def __init__(self, store: Store, corpus: str, tables: Mapping[str, TableInfo]):
        self._store, self._corpus, self._tables = store, corpus, tables
        self._none = to_frame(SAMPLES_SCHEMA.empty_table()).select(TEXT_COLUMNS)
        self._held: pl.DataFrame | None = None

    def read(self, wanted: pl.DataFrame) -> pl.DataFrame:
        """The samples of the rows in `wanted`; see `read_texts`."""
        if self._held is None:
            self._held = self._all()
        place = ["shard", "row"]
        held = self._held.join(wanted, on=place, how="semi")
        missing = wanted.select(place).unique().join(held, on=place, how="anti")
        if missing.is_empty():
            return held
        versions = {shard: info.version for shard, info in self._tables.items()}
        fresh = read_texts(self._store, self._corpus, missing, versions)
        both = pl.concat([self._held, fresh])
        fitting = (some for some in (both, fresh) if some.estimated_size() <= HELD_BYTES)
        self._held = next(fitting, fresh.clear())
        return pl.concat([held, fresh])

    def _all(self) -> pl.DataFrame:
        """All texts; none where they are too many, or one cannot be read, which may not matter."""
        tables, left = [*self._tables.values()], HELD_BYTES
        for start in range(0, len(tables), SIZED_AT_ONCE):
            size = self._store.size(tables[start : start + SIZED_AT_ONCE])
            if size is None or size > left:
                return self._none
            left -= size
        with suppress(StoreError):
            found = self._store.read_many(tables, columns=TEXT_COLUMNS)
            return pl.concat([self._none, *map(to_frame, found)])
        return self._none


def _samples_at(
    store: Store, corpus: str, shards: Sequence[str], versions: Mapping[str, int]
) -> dict[str, TableInfo]:
    found: dict[str, TableInfo] = {}
    for shard, info in zip(shards, store.infos(corpus, "samples", shards), strict=True):
        if info is None:
            store.read(corpus, "samples", shard, columns=["row"])
            raise AssertionError("nothing is read where there is no table")
        found[shard] = replace(info, version=versions.get(shard, info.version))
    return found


def tokenize_rows(
    ids: Sequence[str], samples: Mapping[str, Sample], model: "LoadedCausalLM", prompt_format: str
) -> list["TokenizedSample"]:
    """The samples with these ids, in order, tokenized for a model."""
    from tshirt_assets.scoring.tokenize import tokenize_samples

    samples = parsed(samples, ids)
    rows = [samples[sample_id] for sample_id in ids]
    return tokenize_samples(rows, model.tokenizer, prompt_format, model.max_length)
