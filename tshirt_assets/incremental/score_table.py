"""One shard of scores: reuse what is stored, compute the rest in chunks that survive a crash."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa

from tshirt_assets.incremental.catalog import owner
from tshirt_assets.incremental.overlap import Computation, in_chunks
from tshirt_assets.incremental.progress import Progress
from tshirt_assets.incremental.reuse import Reuse
from tshirt_assets.incremental.soundness import numbered_chunk
from tshirt_assets.incremental.writing import write_table
from tshirt_assets.store.frames import to_frame, to_schema
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo

if TYPE_CHECKING:
    from tshirt_assets.store.staging import Staging

CHUNK_SECONDS = 20.0  # of work in a chunk; a crash loses that of one or two
FIRST_CHUNK = 2  # rows; a large model may take many seconds for each
LARGEST_CHUNK = 8192


@dataclass(frozen=True)
class ScoredShard:
    """The stored table of a shard, and how much of it was work: `seconds` those of computing."""

    info: TableInfo
    table: pa.Table
    asked: int  # rows of the shard
    reused: int
    computed: int
    tokens: int
    seconds: float


@dataclass
class _Computed:
    """What was computed of a shard; the seconds are those of its turn with the model."""

    parts: list[pl.DataFrame] = field(default_factory=list)
    tokens: int = 0
    seconds: float = 0.0


class ScoreTable:
    """The scores of one asset under one identity, filled shard by shard within a run.

    progress: what counts its rows, if that is not for this table alone to do.
    """

    def __init__(
        self,
        store: Store,
        corpus: str,
        asset: str,
        identity: str,
        schema: pa.Schema,
        log: Any,
        progress: Progress | None = None,
    ):
        self.store, self.corpus, self.asset = store, corpus, asset
        self.identity, self.schema = identity, schema
        self._progress = progress or Progress(log, owner(asset))
        self._chunk = FIRST_CHUNK
        self._reuse = Reuse(store, corpus, asset, identity, schema, log)

    def score(
        self,
        shard: str | None,
        rows: pl.DataFrame,
        computation: Computation[Any],
        reusable: Callable[[pl.DataFrame], pl.DataFrame] = lambda frame: frame,
        group_of: Callable[[str], str] = lambda sample_id: "",
    ) -> ScoredShard:
        """Score the rows of one shard that are ok, each distinct sample id once, and store them.

        `rows` has the ROW columns; rows that are not ok keep their status. Its chunks overlap, see
        `in_chunks`. `reusable` filters stored rows that may be used again. Rows of one group, by
        `group_of`, are computed next to each other: they may share work. A table over all shards
        has no `shard`.
        """
        wanted = rows.filter(pl.col("status") == "ok")["sample_id"].unique(maintain_order=True)
        stored = self._reuse.find(wanted.to_list(), shard)
        stored = reusable(stored) if stored is not None else None
        known = stored["sample_id"] if stored is not None else wanted.clear()
        new = wanted.filter(~wanted.is_in(known.implode()))
        missing = sorted(new.to_list(), key=group_of)

        parts = [stored] if stored is not None and stored.height else []
        self._progress.begin(rows.height, rows.height - len(missing))
        staging = self.store.staging(self.corpus, self.asset, shard, self.identity)
        computed = self._computed(missing, computation, rows, staging)
        parts += computed.parts
        table = self._assembled(rows, parts)
        info = write_table(
            self.store, self.corpus, self.asset, shard, table, identity=self.identity
        )
        staging.clear()
        return ScoredShard(
            info=info,
            table=table,
            asked=rows.height,
            reused=len(known),
            computed=len(missing),
            tokens=computed.tokens,
            seconds=computed.seconds,
        )

    def _computed(
        self,
        ids: list[str],
        computation: Computation[Any],
        rows: pl.DataFrame,
        staging: "Staging",
    ) -> "_Computed":
        """The computed chunks, staged but for the last; their size goes towards CHUNK_SECONDS.

        That holds across shards.
        """
        left = iter(ids)
        done = _Computed()
        finished: float | None = None

        def run(work: Any) -> tuple[pa.Table, int]:
            nonlocal finished
            began = finished or time.monotonic()  # the first chunk of a shard waited for its turn
            table, tokens = computation.run(work)
            finished = time.monotonic()
            rate = table.num_rows / max(finished - began, 1e-3)
            self._chunk = int(min(LARGEST_CHUNK, 4 * self._chunk, max(1, rate * CHUNK_SECONDS)))
            done.tokens += tokens
            done.seconds += finished - began
            self._progress.add(table.num_rows, tokens)
            return table, tokens

        def write(table: pa.Table) -> None:
            frame = _placed(to_frame(table), rows, self.identity, self.schema)
            done.parts.append(frame)
            # Of the last chunk the table itself is written at once.
            if sum(part.height for part in done.parts) < len(ids):
                staging.append(numbered_chunk(to_schema(frame, self.schema)))

        in_chunks(
            Computation(computation.prepare, run), lambda: list(islice(left, self._chunk)), write
        )
        return done

    def _assembled(self, rows: pl.DataFrame, parts: list[pl.DataFrame]) -> pa.Table:
        """All rows of the shard in order, each with its own scores or its reason for none."""
        if parts:
            columns = [c for c in self.schema.names if c not in ("shard", "row", "identity")]
            scored = pl.concat([part.select(columns) for part in parts])
            rows = rows.join(
                scored, on="sample_id", how="left", suffix="_new", maintain_order="left"
            )
            is_ok = pl.col("status") == "ok"
            rows = rows.with_columns(
                pl.when(is_ok).then(f"{column}_new").otherwise(column).alias(column)
                for column in ("status", "status_detail")
            )
        return to_schema(rows.with_columns(pl.lit(self.identity).alias("identity")), self.schema)


def _placed(
    computed: pl.DataFrame, rows: pl.DataFrame, identity: str, schema: pa.Schema
) -> pl.DataFrame:
    """A computed chunk with the place of its rows, in the columns of the stored table."""
    place = rows.select("sample_id", "shard", "row").unique("sample_id", keep="first")
    frame = computed.join(place, on="sample_id", how="left", maintain_order="left")
    return frame.with_columns(pl.lit(identity).alias("identity")).select(schema.names)
