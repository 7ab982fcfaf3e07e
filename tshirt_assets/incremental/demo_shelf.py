"""The demos that the shards of a run ask for, read from each shard that holds some only once.

A demo may lie in any shard. To look for those of each shard, or of each chunk, in all the others
takes time that grows with the square of the shards; here the samples are read through once, and
what is asked for is laid down by the shard that asks.
"""

import tempfile
import threading
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Final

import polars as pl
import pyarrow as pa

from tshirt_assets.corpus.sample import SAMPLES_SCHEMA, Sample
from tshirt_assets.incremental.stored_rows import samples_by_id
from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.frames import to_frame, to_schema
from tshirt_assets.store.store import Store

PAIR = ["sample_id", "neighbour_id"]
ASKER = "asked_by"
ARMFUL: Final = 64 << 20  # bytes of demos that are sorted by who asks before they are laid down


class DemoShelf:
    """Demos from other shards, by the shard whose rows ask for them; laid down on the first ask.

    They wait in one temporary file without a name, which is gone with this object, even where the
    process is killed. Rows with a stored MIWV of this identity and demo ask for none.

    nearest: the table `neighbours`. shards: those that are to be scored.
    """

    def __init__(
        self, store: Store, corpus: str, nearest: pl.DataFrame, shards: Sequence[str], identity: str
    ):
        self._store, self._corpus, self._identity = store, corpus, identity
        self._nearest, self._shards = nearest, shards
        self._reading = threading.Lock()  # the shards that are in work, each in a thread

    def read(self, shard: str) -> dict[str, Sample]:
        """The usable samples by their ids that rows of `shard` ask for and other shards hold."""
        with self._reading:
            laid_down, numbers = self._laid_down
            parts = [laid_down.get_batch(number) for number in numbers.get(shard, ())]
        return samples_by_id(pa.Table.from_batches(parts, SAMPLES_SCHEMA))

    @cached_property
    def _laid_down(self) -> tuple[pa.ipc.RecordBatchFileReader, dict[str, list[int]]]:
        """The file, and the numbers of the batches in it that each shard asks for."""
        file = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as this is
        numbers: dict[str, list[int]] = defaultdict(list)
        written = 0
        with pa.ipc.new_file(file, SAMPLES_SCHEMA) as out:
            for armful in self._armfuls():
                for asker, demos in _by_asker(armful):
                    out.write_batch(demos)
                    numbers[asker].append(written)
                    written += 1
        return pa.ipc.open_file(file), numbers

    def _armfuls(self) -> Iterator[pl.DataFrame]:
        """The demos of many shards at a time, so that few batches are laid down for who asks."""
        held: list[pl.DataFrame] = []
        for (source,), asked in self._asked().group_by("neighbour_shard"):
            with suppress(StoreError):  # who asks says so, for its shard
                held.append(self._demos(str(source), asked))
            if sum(frame.estimated_size() for frame in held) > ARMFUL:
                yield pl.concat(held)
                held.clear()
        if held:
            yield pl.concat(held)

    def _demos(self, source: str, asked: pl.DataFrame) -> pl.DataFrame:
        """The demos that one shard holds, a line for each shard that asks; it is read once."""
        table = self._store.read(self._corpus, "samples", source, where="status = 'ok'")
        wanted = asked.select(ASKER, sample_id="neighbour_id").unique()
        return to_frame(table).join(wanted, on="sample_id")

    def _asked(self) -> pl.DataFrame:
        """Which demo is asked for by which shard, and lies in which other one."""
        tables = [
            info
            for info in self._store.stored(self._corpus, "samples")
            if info.shard in self._shards
        ]
        rows = self._store.read_many(tables, columns=["sample_id"], where="status = 'ok'")
        named = [
            to_frame(part).with_columns(pl.lit(t.shard).alias(ASKER))
            for t, part in zip(tables, rows, strict=True)
        ]
        asked = pl.concat(named).join(self._nearest.drop_nulls("neighbour_id"), on="sample_id")
        asked = asked.filter(pl.col("neighbour_shard") != pl.col(ASKER))
        return asked.join(self._scored(), on=PAIR, how="anti")

    def _scored(self) -> pl.DataFrame:
        """The pairs of row and demo whose MIWV is stored."""
        found = self._store.stored(self._corpus, "miwv_scores")
        tables = [info for info in found if info.identity == self._identity]
        pairs = [self._nearest.select(PAIR).clear()]
        with suppress(StoreError):  # a table that cannot be read is scored again
            pairs += map(to_frame, self._store.read_many(tables, columns=PAIR))
        return pl.concat(pairs)


def _by_asker(demos: pl.DataFrame) -> Iterator[tuple[str, pa.RecordBatch]]:
    """(shard that asks, samples) of these demos."""
    found, start = demos.sort(ASKER), 0
    rows = to_schema(found, SAMPLES_SCHEMA).combine_chunks()
    for asker, count in found.group_by(ASKER, maintain_order=True).len().iter_rows():
        yield asker, rows.slice(start, count).to_batches()[0]
        start += count


def lines_of(nearest: pl.DataFrame, ids: Collection[str]) -> pl.DataFrame:
    """The lines of these samples in `nearest`, which is sorted by `sample_id`.

    Looked up one by one: a search through all lines, once per shard, would grow with its square.
    """
    if nearest.is_empty():
        return nearest
    wanted = pl.Series("sample_id", sorted(ids), pl.String)
    places = nearest["sample_id"].search_sorted(wanted).clip(upper_bound=nearest.height - 1)
    return nearest[places.filter(nearest["sample_id"].gather(places) == wanted)]
