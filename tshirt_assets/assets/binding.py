"""The Dagster names of one corpus: asset keys, shard partitions, resource keys."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from tshirt_assets.config import CorpusConfig

if TYPE_CHECKING:
    from tshirt_assets.resources.causal_lm import LoadedCausalLM
    from tshirt_assets.resources.embedder import LoadedEmbedder
    from tshirt_assets.resources.lance import Store

GPU_POOL = "gpu"


@dataclass(frozen=True)
class Binding:
    """A corpus configuration bound to the names its assets have in Dagster."""

    config: CorpusConfig

    @property
    def name(self) -> str:
        """Name of the corpus: the key prefix and group of its assets."""
        return self.config.name

    @property
    def shards(self) -> dg.DynamicPartitionsDefinition:
        """The shards, dynamic partitions named after the corpus."""
        return dg.DynamicPartitionsDefinition(name=self.name)

    @property
    def recipes(self) -> dg.StaticPartitionsDefinition:
        """The recipes, partitions of `selected_subset`."""
        return dg.StaticPartitionsDefinition(list(self.config.recipes))

    def key(self, asset: str) -> dg.AssetKey:
        """Key of one of the corpus's assets."""
        return dg.AssetKey([self.name, asset])

    def dep(self, asset: str, *, whole: bool = False) -> dg.AssetDep:
        """Dependency on an asset: shard by shard, or on all of its shards (`whole`)."""
        mapping = dg.AllPartitionMapping() if whole else None
        return dg.AssetDep(self.key(asset), partition_mapping=mapping)

    def resource(self, kind: str) -> str:
        """Key of the corpus's `store`, `scorer`, `target` or `embedder` resource."""
        return f"{self.name}_{kind}"

    def store(self, context: Any) -> "Store":
        """The open store of a running asset."""
        return getattr(context.resources, self.resource("store")).open()

    def causal_lm(self, context: Any, kind: str) -> "LoadedCausalLM":
        """The loaded `scorer` or `target` of a running asset."""
        return getattr(context.resources, self.resource(kind)).load()

    def embedder(self, context: Any) -> "LoadedEmbedder":
        """The loaded embedder of a running asset."""
        return getattr(context.resources, self.resource("embedder")).load()
