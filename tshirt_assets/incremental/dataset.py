"""Which shards a dataset-wide asset works on, at which versions, and what is missing."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import pyarrow as pa

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.shards import live_shards
from tshirt_assets.incremental.catalog import SAMPLES, owner
from tshirt_assets.incremental.checks import CheckOutcome
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.identity import combined_version
from tshirt_assets.store.frames import to_frame
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo


@dataclass(frozen=True)
class Dataset:
    """The stored tables of one asset over all shards, each pinned to one version.

    incomplete: why, for every shard whose file breaks off; with `on_incomplete: fail` they are
    not among the tables.
    """

    store: Store
    corpus: str
    asset: str
    tables: dict[str, TableInfo]  # by shard
    missing: list[str]
    orphaned: list[str]
    incomplete: dict[str, str] = field(default_factory=dict)

    @property
    def versions(self) -> dict[str, str]:
        """Data version of every shard that took part."""
        return {shard: info.data_version for shard, info in self.tables.items()}

    @property
    def version(self) -> str:
        """One version over all of them."""
        return combined_version(self.versions)

    @property
    def identity(self) -> str:
        """The score identity that all tables share."""
        return next(iter(self.tables.values())).identity

    def batches(
        self, columns: list[str] | None = None, where: str | None = None
    ) -> Iterator[tuple[str, pa.RecordBatch]]:
        """(shard, batch) of every shard in turn, in bounded memory."""
        for shard, info in self.tables.items():
            for batch in self.store.batches(
                self.corpus, self.asset, shard, columns=columns, where=where, version=info.version
            ):
                yield shard, batch

    def frame(self, columns: list[str], where: str | None = None) -> pl.DataFrame:
        """Scalar columns of all shards in one frame."""
        tables = self.store.read_many([*self.tables.values()], columns=columns, where=where)
        return pl.concat(map(to_frame, tables))

    def outcome(self, policy: str) -> CheckOutcome:
        """The check that all registered shards took part."""
        detail = f"{len(self.tables)} shards"
        if self.missing:
            detail += f"; not materialized: {', '.join(self.missing[:5])}"
        if self.orphaned:
            detail += f"; without a file, left out: {', '.join(self.orphaned[:5])}"
        left_out = [shard for shard in self.incomplete if shard not in self.tables]
        if left_out:
            detail += f"; incomplete, left out: {', '.join(left_out[:5])}"
        complete = policy == "ignore" or not (self.missing or self.orphaned)
        return CheckOutcome(complete and not left_out, detail, warn=True)


def open_dataset(
    store: Store, config: CorpusConfig, registered: Collection[str], asset: str, log: Any
) -> Dataset:
    """The tables of `asset` of every registered shard whose file is still there.

    Shards whose file breaks off are left out while `on_incomplete` is fail.

    Raises `UpstreamError` when shards are not materialized and `on_missing_shards` is error, when
    none is materialized at all (whatever the policy: there is nothing to do), and when tables of
    several configurations would meet in one ranking.
    """
    live = live_shards(config, registered)
    incomplete = incomplete_shards(store, config, sorted(live))
    left_out = set(incomplete) if left_out_if_incomplete(config) else set()
    shards = sorted(live - left_out)
    found = dict(zip(shards, store.infos(config.name, asset, shards), strict=True))
    tables = {shard: info for shard, info in found.items() if info is not None}
    missing = [shard for shard, info in found.items() if info is None]
    if missing and config.on_missing_shards == "error":
        raise UpstreamError(
            f"{owner(asset)} is not materialized for {len(missing)} shards (first: {missing[0]}); "
            "materialize them, or set on_missing_shards to warn"
        )
    if left_out and not shards:
        raise UpstreamError(
            f"the files of all shards of {config.name!r} break off ({_first(incomplete)}); put "
            "whole files in their place, or set on_incomplete to keep"
        )
    if not tables:
        raise UpstreamError(
            f"no shard of {config.name!r} has {owner(asset)}; materialize the shards first "
            f"({len(registered)} are registered)"
        )
    _refuse_mixed_identities(config.name, asset, tables)
    if missing and config.on_missing_shards == "warn":
        log.warning(
            f"{owner(asset)} is not materialized for {len(missing)} shards: {', '.join(missing)}"
        )
    if left_out:
        log.warning(f"incomplete shards are left out: {', '.join(sorted(left_out))}")
    orphaned = sorted(set(registered) - live)
    return Dataset(store, config.name, asset, tables, missing, orphaned, incomplete)


def left_out_if_incomplete(config: CorpusConfig) -> bool:
    """Whether selections leave the shards out whose file breaks off."""
    return config.on_incomplete == "fail"


def incomplete_shards(store: Store, config: CorpusConfig, shards: Sequence[str]) -> dict[str, str]:
    """Why, for each of these shards whose file could not be read to its end."""
    found = zip(shards, store.infos(config.name, SAMPLES.name, shards), strict=True)
    reasons = {shard: TableFacts.of(info).incomplete for shard, info in found if info is not None}
    return {shard: reason for shard, reason in reasons.items() if reason is not None}


def _first(incomplete: dict[str, str]) -> str:
    shard, reason = next(iter(incomplete.items()))
    return f"{shard}: {reason}"


def _refuse_mixed_identities(corpus: str, asset: str, tables: dict[str, TableInfo]) -> None:
    """Scores of different models or settings must never meet in one ranking."""
    groups: dict[str, list[str]] = {}
    for shard, info in tables.items():
        groups.setdefault(info.identity, []).append(shard)
    if len(groups) > 1:
        fewest = min(groups.values(), key=len)
        raise UpstreamError(
            f"{owner(asset)} of {corpus!r} mixes scores of {len(groups)} configurations (models, "
            f"prompt formats, seeds ...); materialize these shards again: {', '.join(fewest[:10])}"
        )
