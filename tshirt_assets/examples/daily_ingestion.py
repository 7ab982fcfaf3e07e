"""A project whose corpus hangs on its own daily ingestion instead of on files.

    TSHIRT_ASSETS_INBOX=inbox TSHIRT_ASSETS_CORPUS=corpus.yaml \\
        dagster dev -m tshirt_assets.examples.daily_ingestion

The asset `raw/conversations` has a partition a day, made from `inbox/2026-01-31.jsonl`; corpus.yaml
says `source_asset: raw/conversations`. Of a day that is made again, and of no other, the rows are
read and scored again.
"""

import os
from pathlib import Path

import dagster as dg
import polars as pl

from tshirt_assets.config import CorpusConfig
from tshirt_assets.definitions import corpus_files
from tshirt_assets.factory import build_curation_defs

CONVERSATIONS = dg.AssetKey(["raw", "conversations"])
DAYS = dg.DailyPartitionsDefinition("2026-01-01")


@dg.definitions
def defs() -> dg.Definitions:
    """The ingestion from the folder that the environment names, and the corpora on it."""
    corpora = [CorpusConfig.from_yaml(path) for path in corpus_files()]
    return build_daily_defs(corpora, Path(os.environ.get("TSHIRT_ASSETS_INBOX", "inbox")))


def build_daily_defs(corpora: list[CorpusConfig], inbox: Path) -> dg.Definitions:
    """`raw/conversations`, and the corpora whose `source_asset` it is."""

    @dg.asset(key=CONVERSATIONS, partitions_def=DAYS, group_name="ingestion", kinds={"polars"})
    def conversations(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """The conversations of a day, as they arrived."""
        rows = pl.read_ndjson(inbox / f"{context.partition_key}.jsonl")
        return dg.MaterializeResult(
            value=rows,
            metadata={"dagster/row_count": rows.height},
            data_version=dg.DataVersion(str(rows.hash_rows(seed=0).sum())),
        )

    return dg.Definitions.merge(build_curation_defs(corpora), dg.Definitions([conversations]))
