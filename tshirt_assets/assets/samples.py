"""samples: the validated rows of a shard, in one canonical shape, each with a status."""

from collections.abc import Callable
from functools import partial

import dagster as dg
import pyarrow as pa

from tshirt_assets.corpus.readers import incomplete_reason
from tshirt_assets.corpus.sample import SAMPLES_SCHEMA
from tshirt_assets.corpus.shards import ShardSpec
from tshirt_assets.incremental.boilerplate import boilerplate_outcome
from tshirt_assets.incremental.catalog import SAMPLES
from tshirt_assets.incremental.checks import complete_outcome, usable_outcome
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.progress import Progress
from tshirt_assets.incremental.soundness import kept_table
from tshirt_assets.incremental.sources import read_from, source_text
from tshirt_assets.incremental.writing import write_table
from tshirt_assets.orchestration.asset_run import Run
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.declaring import partitioned_asset
from tshirt_assets.orchestration.recording import describe_table
from tshirt_assets.orchestration.shard_loop import Report
from tshirt_assets.orchestration.source import Source, source_of
from tshirt_assets.store.table_info import TableInfo

PREVIEW = ("row", "status", "instruction", "input", "response")


def build(binding: Binding) -> dg.AssetsDefinition:
    """The `samples` asset of a corpus."""
    return partitioned_asset(binding, SAMPLES, prepare)


def prepare(run: Run) -> Callable[[str], Report]:
    """The function that makes the samples of one shard."""
    return partial(process, run, source_of(run), Progress(run.log, SAMPLES.name))


def process(run: Run, source: Source, progress: Progress, shard: str) -> Report:
    """Read one shard and store it."""
    config, spec = run.config, source.find(shard)
    info, table, version = stored_samples(run, source, spec)
    incomplete = TableFacts.of(info).incomplete
    progress.begin(table.num_rows, table.num_rows)
    metadata = describe_table(info, table, PREVIEW) | source.metadata(spec)
    if incomplete is not None:
        metadata["incomplete"] = incomplete
    return Report(
        data_version=info.data_version,
        metadata=metadata,
        inputs=source.inputs(version),
        checks={
            "rows_usable": usable_outcome(table, config.max_bad_share),
            "shard_complete": complete_outcome(incomplete, config.on_incomplete),
            "prompts_bare": boilerplate_outcome(table),
        },
    )


def stored_samples(run: Run, source: Source, spec: ShardSpec) -> tuple[TableInfo, pa.Table, str]:
    """The table of a shard, its rows, and the version of the source that they are of.

    A source that is what it was when the stored rows were read is not read again.
    """
    store, config = run.store, run.config
    version = source.version(spec)
    present = read_from(store, spec, version, config)
    kept = kept_table(
        store,
        config.name,
        SAMPLES.name,
        spec.key,
        fits=lambda info: TableFacts.of(info).made_from == present,
        schema=SAMPLES_SCHEMA,
        log=run.log,
    )
    if kept is not None:
        return *kept, version
    reading = source.read(spec)
    facts = TableFacts(
        incomplete=incomplete_reason(reading.table),
        source=source_text(store, spec.path),
        made_from=read_from(store, spec, reading.version, config),
    )
    info = write_table(store, config.name, SAMPLES.name, spec.key, reading.table, facts=facts)
    reading.keep(info, config)
    return info, reading.table, reading.version
