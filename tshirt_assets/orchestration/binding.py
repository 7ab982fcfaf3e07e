"""The Dagster names of one corpus: asset keys, shard partitions, resource keys."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from tshirt_assets.config import ConfigError, CorpusConfig
from tshirt_assets.incremental.catalog import ASSETS, FILES, SOURCE, UPSTREAM

if TYPE_CHECKING:
    from tshirt_assets.store.store import Store

GPU_POOL = "gpu"
BY_HAND = "_by_hand"
"""Ending of the group of assets that a configuration does not need.

What the UI materializes of a corpus's own group is then what a headless run makes.
"""
TABLE = "tshirt_assets/table"
"""Metadata of an asset: its name in the corpus, whatever its key is."""
SpecHook = Callable[[dg.AssetSpec], dg.AssetSpec]


@dataclass(frozen=True)
class Binding:
    """A corpus configuration bound to the names its assets have in Dagster.

    `map_spec` may change anything about an asset's spec. It decides on the key from the key and
    group it is given alone, because dependencies on the asset are named before its spec exists.
    `replaced`: the kinds of resources that are not made from the configuration.
    """

    config: CorpusConfig
    map_spec: SpecHook | None = None
    replaced: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Name of the corpus: the key prefix of its assets and the group of those it needs."""
        return self.config.name

    @property
    def shards(self) -> dg.DynamicPartitionsDefinition:
        """The shards, dynamic partitions named after the corpus."""
        return dg.DynamicPartitionsDefinition(name=self.name)

    @property
    def recipes(self) -> dg.StaticPartitionsDefinition:
        """The recipes, partitions of `selected_subset`."""
        return dg.StaticPartitionsDefinition(list(self.config.recipes))

    @property
    def blocks(self) -> bool:
        """Whether a check that fails with an error stops what is made from what it looked at."""
        return self.config.checks == "block"

    def key(self, asset: str) -> dg.AssetKey:
        """Key of one of the corpus's assets, or of the one upstream that it hangs on."""
        return self.upstream if asset == UPSTREAM else self._mapped(self._bare_spec(asset)).key

    @property
    def upstream(self) -> dg.AssetKey:
        """Key of the asset that holds the rows in place of files: the user's own."""
        assert self.config.source_asset is not None, "the corpus has files"
        return dg.AssetKey.from_user_string(self.config.source_asset)

    @property
    def origin(self) -> str:
        """The external asset in front of all, which has the shards of the corpus."""
        return FILES if self.config.source_asset is None else SOURCE

    def spec(self, asset: str, **attributes: Any) -> dg.AssetSpec:
        """Spec of one of the corpus's assets: `attributes`, changed as `map_spec` wants it.

        Raises `ConfigError` if `map_spec` gives the asset different keys from call to call.
        """
        bare = self._bare_spec(asset)
        spec = self._mapped(bare.replace_attributes(**attributes))
        if spec.key != self.key(asset):
            raise ConfigError(
                f"map_asset_spec gives {bare.key.to_user_string()} the key "
                f"{spec.key.to_user_string()}, but {self.key(asset).to_user_string()} where other "
                "assets depend on it; derive keys from spec.key and spec.group_name alone"
            )
        return spec

    def loading(self, asset: str) -> dict[str, str]:
        """Metadata by which an asset's table is an argument of the assets downstream."""
        return {"dagster/io_manager_key": self.resource("io_manager"), TABLE: asset}

    def _bare_spec(self, asset: str) -> dg.AssetSpec:
        needed = asset not in ASSETS or ASSETS[asset].needed(self.config)
        group = self.name if needed else f"{self.name}{BY_HAND}"
        return dg.AssetSpec([self.name, asset], group_name=group, owners=list(self.config.owners))

    def _mapped(self, spec: dg.AssetSpec) -> dg.AssetSpec:
        return self.map_spec(spec) if self.map_spec else spec

    def dep(self, asset: str, *, whole: bool = False) -> dg.AssetDep:
        """Dependency on an asset: shard by shard, or on all of its shards (`whole`)."""
        mapping = dg.AllPartitionMapping() if whole else None
        return dg.AssetDep(self.key(asset), partition_mapping=mapping)

    def origin_deps(self) -> list[dg.AssetDep]:
        """What samples hang on: the files, or the asset upstream and what the shards are of it.

        Staleness comes shard by shard through the latter. Dagster refuses to map dynamic
        partitions to others of another kind, so that no partition hangs on the asset directly.
        """
        if self.config.source_asset is None:
            return [self.dep(FILES)]
        of_none = dg.SpecificPartitionsPartitionMapping([])
        return [self.dep(SOURCE), dg.AssetDep(self.upstream, partition_mapping=of_none)]

    def op(self, name: str) -> str:
        """Name of the op that makes an asset, or of another op of the corpus."""
        return f"{self.name}__{name}"

    def resource(self, kind: str) -> str:
        """Key of the corpus's `store`, `scorer`, `target`, `embedder` or `io_manager`."""
        return f"{self.name}_{kind}"

    def store(self, context: Any) -> "Store":
        """The open store of a running asset."""
        return getattr(context.resources, self.resource("store")).open()
