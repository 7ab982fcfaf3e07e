"""The asset that a corpus hangs on, as another repository defines it, beside the corpus's own."""

from typing import Any

import dagster as dg

from tshirt_assets.incremental.catalog import SOURCE
from tshirt_assets.orchestration.binding import Binding


def upstream_definitions(binding: Binding, repository: dg.RepositoryDefinition) -> dg.Definitions:
    """Definitions with an asset of that key, which is loaded as the repository does."""
    manager = f"{binding.name}_{SOURCE}"
    spec = dg.AssetSpec(
        binding.upstream,
        partitions_def=repository.asset_graph.get(binding.upstream).partitions_def,
        metadata={"dagster/io_manager_key": manager},
    )
    return dg.Definitions([spec], resources={manager: _TheirManager(binding.upstream, repository)})


class _TheirManager(dg.IOManager):
    """Loads an asset as its own definitions do, with resources that meet none of the corpus's."""

    def __init__(self, key: dg.AssetKey, repository: dg.RepositoryDefinition):
        self._key, self._repository = key, repository

    def load_input(self, context: dg.InputContext) -> Any:
        partition = context.asset_partition_key if context.has_asset_partitions else None
        return self._repository.load_asset_value(
            self._key, instance=context.instance, partition_key=partition
        )

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        raise NotImplementedError("the corpus makes no part of the asset that it hangs on")
