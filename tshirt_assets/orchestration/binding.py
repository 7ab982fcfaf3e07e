"""The Dagster names of one corpus: asset keys, shard partitions, resource keys."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from tshirt_assets.config import ConfigError, CorpusConfig
from tshirt_assets.incremental.catalog import ASSETS

if TYPE_CHECKING:
    from tshirt_assets.store.store import Store

GPU_POOL = "gpu"
BY_HAND = "_by_hand"
"""Ending of the group of assets that a configuration does not need.

What the UI materializes of a corpus's own group is then what a headless run makes.
"""
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
        """Key of one of the corpus's assets."""
        return self._mapped(self._bare_spec(asset)).key

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

    def op(self, name: str) -> str:
        """Name of the op that makes an asset, or of another op of the corpus."""
        return f"{self.name}__{name}"

    def resource(self, kind: str) -> str:
        """Key of the corpus's `store`, `scorer`, `target` or `embedder` resource."""
        return f"{self.name}_{kind}"

    def store(self, context: Any) -> "Store":
        """The open store of a running asset."""
        return getattr(context.resources, self.resource("store")).open()
