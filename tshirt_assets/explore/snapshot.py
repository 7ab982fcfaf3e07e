"""The scalar columns of a whole corpus in one frame, as the tables are at one moment.

Texts, vectors and token deltas stay where they are: a million rows take about 200 MB.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.shards import live_shards
from tshirt_assets.explore.marks import SHOWN
from tshirt_assets.incremental.boilerplate import corpus_beginning
from tshirt_assets.incremental.stored_rows import read_texts
from tshirt_assets.selection.scores import SCORES, columns_of
from tshirt_assets.store.frames import to_frame
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo

KEY: Final = ("sample_id", "row")
ROBUST: Final = "robust_scores"
MORE: Final[Mapping[str, Sequence[str]]] = {
    "token_scores": ("n_prompt_tokens", "cond_nll"),
    "contenders": ("s_ifd",),
    "miwv_scores": ("similarity",),
    "samples": ("domain", "n_turns"),
}
"""Columns read beside those that selection ranks by."""
NUMBERS: Final = (*SCORES, "s_ifd", "n_prompt_tokens", "cond_nll", "similarity")
"""All columns of numbers, in the order in which they are shown."""
_COUNTS: Final = ("n_response_tokens", "n_prompt_tokens")

Tables = dict[str, TableInfo]  # of one shard by asset; those of the whole corpus under ""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All rows of a corpus.

    frame: one line per row, shard by shard in stored order: sample_id, shard, row, status, domain,
    n_turns and `NUMBERS` (null where there is no finite one). shards: their samples tables, in the
    order of the frame, with the line at which each begins. deltas: their token_scores tables.
    parts: what a later snapshot may take over, by shard. shared_beginning: what most instructions
    begin with alike.
    """

    frame: pl.DataFrame
    shards: Mapping[str, TableInfo]
    starts: Mapping[str, int]
    deltas: Mapping[str, TableInfo]
    parts: Mapping[str, tuple[Tables, pl.DataFrame]] = field(default_factory=dict)
    shared_beginning: str = ""


def read_snapshot(store: Store, config: CorpusConfig, before: Snapshot | None = None) -> Snapshot:
    """Read what has changed since `before`. Raises `StoreError` and `CorpusError`."""
    tables: dict[str, Tables] = defaultdict(dict)
    for info in store.stored(config.name):
        if info.asset in SHOWN:
            tables[info.shard or ""][info.asset] = info
    found = {shard for shard, assets in tables.items() if "samples" in assets and shard}
    shards = sorted(found & live_shards(config, sorted(found)))
    known = before.parts if before else {}
    changed = [s for s in shards if s not in known or known[s][0] != tables[s]]
    frames = _shard_frames(store, config, {shard: tables[shard] for shard in changed})
    parts = {s: (tables[s], frames[s]) if s in frames else known[s] for s in shards}
    starts, at = {}, 0
    for shard in shards:
        starts[shard] = at
        at += parts[shard][1].height
    frame = pl.concat([part for _, part in parts.values()]) if parts else _EMPTY
    for asset, info in tables[""].items():
        [scores] = _read(store, config, [info], asset)
        frame = _joined(frame, scores, _columns(asset))
    frame = frame.select(_shown(name) for name in _EMPTY.columns)
    samples = {shard: parts[shard][0]["samples"] for shard in shards}
    if before and before.shards == samples:
        shared = before.shared_beginning
    else:
        versions = {shard: info.version for shard, info in samples.items()}
        shared = corpus_beginning(
            frame, lambda rows: read_texts(store, config.name, rows, versions)
        )
    return Snapshot(
        frame=frame,
        shards=samples,
        starts=starts,
        deltas={s: own["token_scores"] for s, (own, _) in parts.items() if "token_scores" in own},
        parts=parts,
        shared_beginning=shared,
    )


def _shard_frames(
    store: Store, config: CorpusConfig, tables: Mapping[str, Tables]
) -> dict[str, pl.DataFrame]:
    """The rows of shards, by shard: their samples with the scores beside them."""
    frames: dict[str, pl.DataFrame] = {}
    for asset in SHOWN:  # samples first
        infos = {shard: own[asset] for shard, own in tables.items() if asset in own}
        read = _read(store, config, list(infos.values()), asset)
        for shard, rows in zip(infos, read, strict=True):
            if asset == "samples":
                frames[shard] = rows.with_columns(shard=pl.lit(shard))
                continue
            if asset == "token_scores":  # what is wrong with a sample is wrong with its scores
                frames[shard] = _joined(frames[shard], rows, ["status"])
            frames[shard] = _joined(frames[shard], rows, _columns(asset))
    return {
        shard: frame.with_columns(
            pl.lit(None).alias(name) for name in set(_EMPTY.columns) - set(frame.columns)
        ).select(_shown(name) for name in _EMPTY.columns)
        for shard, frame in frames.items()
    }


def _columns(asset: str) -> list[str]:
    return [*columns_of(asset), *MORE.get(asset, ())]


def _read(
    store: Store, config: CorpusConfig, infos: Sequence[TableInfo], asset: str
) -> list[pl.DataFrame]:
    if not infos:
        return []
    more = ("estimator",) * (asset == ROBUST)
    tables = store.read_many(infos, columns=[*KEY, "status", *_columns(asset), *more])
    frames = (to_frame(table).with_columns(pl.col("row").cast(pl.Int32)) for table in tables)
    return [_of_one_estimator(frame, config) if more else frame for frame in frames]


def _of_one_estimator(scores: pl.DataFrame, config: CorpusConfig) -> pl.DataFrame:
    """Robust scores by the estimator that the corpus asks for; where there are none, by another."""
    if scores["estimator"].drop_nulls().n_unique() < 2:
        return scores
    other = (pl.col("estimator") != config.robustness.estimator).fill_null(True)
    return scores.sort(other, maintain_order=True).unique(KEY, keep="first")


def _joined(frame: pl.DataFrame, other: pl.DataFrame, columns: Collection[str]) -> pl.DataFrame:
    """The columns of another table of the same rows; most tables hold them in the same order."""
    added = other.select(*KEY, *columns)
    bare = frame.drop(set(columns) & set(frame.columns))
    if added.height == bare.height and added.select(KEY).equals(bare.select(KEY)):
        return bare.hstack(added.select(columns))
    return bare.join(added.unique(KEY, keep="first"), on=KEY, how="left", maintain_order="left")


def _shown(name: str) -> pl.Expr:
    dtype = _EMPTY.schema[name]
    column = pl.col(name).cast(dtype)
    return pl.when(column.is_finite()).then(column).alias(name) if dtype.is_float() else column


_EMPTY: Final = pl.DataFrame(
    schema={
        "sample_id": pl.String,
        "shard": pl.Categorical,
        "row": pl.Int32,
        "status": pl.Categorical,
        "domain": pl.Categorical,
        "n_turns": pl.Int32,
        **{name: pl.Int32 if name in _COUNTS else pl.Float32 for name in NUMBERS},
    }
)
