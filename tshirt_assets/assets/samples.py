"""samples: the validated rows of a file, in one canonical shape, each with a status."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pyarrow as pa

from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.readers import read_shard
from tshirt_assets.corpus.sample import SAMPLES_SCHEMA, to_table
from tshirt_assets.corpus.shards import ShardSpec, discover_shards
from tshirt_assets.incremental.checks import USABLE, usable_outcome
from tshirt_assets.incremental.writing import write_table
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.declaring import partitioned_asset
from tshirt_assets.orchestration.recording import describe_table
from tshirt_assets.orchestration.shard_loop import ShardReport


def build_samples(binding: Binding) -> dg.AssetsDefinition:
    """The `samples` asset of a corpus."""
    config = binding.config

    def prepare(context: dg.AssetExecutionContext) -> Callable[[str], ShardReport]:
        store = binding.store(context)
        specs = {spec.key: spec for spec in discover_shards(config, missing_ok=True)}

        def process(shard: str) -> ShardReport:
            if shard not in specs:
                raise CorpusError(
                    f"no file of the corpus gives the shard {shard!r} any more; its stored rows "
                    "are kept but left out of selections. Put the file back, or delete the "
                    "partition"
                )
            table, file_version = read_stable(specs[shard])
            info = write_table(store, binding, "samples", shard, table)
            metadata = describe_table(
                info, table, ("row", "status", "instruction", "input", "response")
            )
            return ShardReport(
                data_version=info.meta["data_version"],
                metadata=metadata | {"path": dg.MetadataValue.path(specs[shard].path)},
                inputs={"files": file_version},
                checks={"rows_usable": usable_outcome(table, config.max_bad_share)},
            )

        return process

    def read_stable(spec: ShardSpec) -> tuple[pa.Table, str]:
        """Read a shard, once more if its file was replaced meanwhile."""
        for _ in range(2):
            before = file_version(spec)
            table = to_table(read_shard(spec, config))
            if file_version(spec) == before:
                return table, before
        raise CorpusError(f"{spec.path}: the file keeps changing while it is read; try again")

    return partitioned_asset(
        binding,
        "samples",
        description="Rows read from the corpus files: canonical messages, instruction, input, "
        "response, and a status that says why a row is not usable.",
        deps=[binding.dep("files")],
        prepare=prepare,
        checks={"rows_usable": USABLE},
        kinds={"lancedb"},
        resources=("store",),
        schema=SAMPLES_SCHEMA,
    )


def file_version(spec: ShardSpec) -> str:
    """Version of a shard's source: changes whenever its file is written."""
    stat = Path(spec.path).stat()
    return f"{stat.st_size}-{stat.st_mtime_ns}"
