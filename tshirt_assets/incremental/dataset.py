"""Which shards a dataset-wide asset works on, at which versions, and what is missing."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import dagster as dg
import polars as pl
import pyarrow as pa

from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.incremental.identity import combined_version
from tshirt_assets.incremental.rows import to_frame
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.shard_loop import CheckOutcome
from tshirt_assets.store.store import Store, TableInfo

ALL_SHARDS = "Every registered shard took part."


@dataclass(frozen=True)
class Dataset:
    """The stored tables of one asset over all shards, each pinned to one version."""

    store: Store
    corpus: str
    asset: str
    tables: dict[str, TableInfo]  # by shard
    missing: list[str]
    orphaned: list[str]

    @property
    def versions(self) -> dict[str, str]:
        """Data version of every shard that took part."""
        return {shard: info.meta.get("data_version", "") for shard, info in self.tables.items()}

    @property
    def version(self) -> str:
        """One version over all of them."""
        return combined_version(self.versions)

    @property
    def identity(self) -> str:
        """The score identity that all tables share."""
        return next(iter(self.tables.values())).meta.get("identity", "")

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
        complete = not (self.missing or self.orphaned)
        return CheckOutcome(complete or policy == "ignore", detail, warn=True)

    def metadata(self) -> dict[str, Any]:
        """What of the shards is shown: how many took part, which are missing or orphaned."""
        return {
            "shards": len(self.tables),
            "missing_shards": dg.MetadataValue.json(self.missing),
            "orphaned_shards": dg.MetadataValue.json(self.orphaned),
            "upstream_version": self.version,
        }


def open_dataset(
    context: dg.AssetExecutionContext, binding: Binding, store: Store, asset: str
) -> Dataset:
    """The tables of `asset` of every registered shard whose file is still there.

    With `on_missing_shards: error`, a shard that is not materialized fails the run; with none
    materialized at all there is nothing to do, and the run fails whatever the policy.
    """
    registered = context.instance.get_dynamic_partitions(binding.name)
    live = {spec.key for spec in discover_shards(binding.config, missing_ok=True)}
    shards = sorted(live & set(registered))
    found = dict(zip(shards, store.infos(binding.name, asset, shards), strict=True))
    tables = {shard: info for shard, info in found.items() if info is not None}
    missing = [shard for shard, info in found.items() if info is None]
    orphaned = sorted(set(registered) - live)
    if missing and binding.config.on_missing_shards == "error":
        raise dg.Failure(
            f"{asset} is not materialized for {len(missing)} shards (first: {missing[0]}); "
            "materialize them, or set on_missing_shards to warn"
        )
    if not tables:
        raise dg.Failure(
            f"no shard of {binding.name!r} has {asset}; materialize the shards first "
            f"({len(registered)} are registered)"
        )
    _refuse_mixed_identities(binding.name, asset, tables)
    if missing and binding.config.on_missing_shards == "warn":
        context.log.warning(f"{asset} is not materialized for {len(missing)} shards: {missing}")
    return Dataset(store, binding.name, asset, tables, missing, orphaned)


def _refuse_mixed_identities(corpus: str, asset: str, tables: dict[str, TableInfo]) -> None:
    """Scores of different models or settings must never meet in one ranking."""
    groups: dict[str, list[str]] = {}
    for shard, info in tables.items():
        groups.setdefault(info.meta.get("identity", ""), []).append(shard)
    if len(groups) > 1:
        fewest = min(groups.values(), key=len)
        raise dg.Failure(
            f"{asset} of {corpus!r} mixes scores of {len(groups)} configurations (models, prompt "
            f"formats, seeds ...); materialize these shards again: {', '.join(fewest[:10])}"
        )


def facts(info: TableInfo, key: str) -> Any:
    """A JSON fact that `write_table` put into a table's metadata."""
    return json.loads(info.meta[key])
