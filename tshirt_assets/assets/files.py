"""What is in front of all: the source files, or the shards of an asset upstream, both external."""

import dagster as dg

from tshirt_assets.config import ConfigError
from tshirt_assets.export.escaping import markdown
from tshirt_assets.incremental.catalog import ASSETS, FILES, SOURCE
from tshirt_assets.orchestration.binding import Binding


def origin_spec(binding: Binding) -> dg.AssetSpec:
    """The external asset that the shard sensor of a corpus observes, `files` or `source`.

    Raises `ConfigError` where `source_asset` names an asset of the corpus itself.
    """
    if binding.config.source_asset is None:
        return binding.spec(
            FILES,
            description="The source files, one shard each (or several for large files): "
            + ", ".join(map(markdown, binding.config.paths)),
            partitions_def=binding.shards,
            kinds={"file"},
        )
    name = binding.upstream.to_user_string()
    if binding.upstream in {binding.key(asset) for asset in (SOURCE, *ASSETS)}:
        raise ConfigError(f"source_asset: {name} is an asset of the corpus itself; name another")
    return binding.spec(
        SOURCE,
        description=f"What the shards are of {markdown(name)}: its partitions, or ranges of its "
        "rows, with the version of each.",
        deps=[binding.upstream],
        partitions_def=binding.shards,
    )
