"""files: the source files, an external asset that the shard sensor observes."""

import dagster as dg

from tshirt_assets.export.escaping import markdown
from tshirt_assets.incremental.catalog import FILES
from tshirt_assets.orchestration.binding import Binding


def files_spec(binding: Binding) -> dg.AssetSpec:
    """The `files` asset of a corpus."""
    return binding.spec(
        FILES,
        description="The source files, one shard each (or several for large files): "
        + ", ".join(map(markdown, binding.config.paths)),
        partitions_def=binding.shards,
        kinds={"file"},
    )
