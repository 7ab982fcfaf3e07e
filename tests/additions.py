"""What the guides of CONTRIBUTING add, as edits of the source: a file, an anchor, the new text.

Text goes in front of its anchor; an empty anchor makes a new file.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Edit:
    """New text in front of a text that the file holds exactly once, or a new file."""

    file: str
    anchor: str
    text: str


ASSET = [
    Edit(
        "incremental/columns.py",
        "MIWV_SCORES = pa.schema(",
        'WORD_COUNTS = pa.schema([*ROW, pa.field("n_words", pa.int32())])\n',
    ),
    Edit(
        "incremental/columns.py",
        '    "recipe": "The recipe that chose the row.",',
        '    "n_words": "Words of the response.",\n',
    ),
    Edit(
        "incremental/catalog.py",
        "CONTENDERS = AssetRecord(",
        """WORD_COUNTS = AssetRecord(
    name="word_counts",
    description="Words of every response.",
    unit="shard",
    phase=2,
    code_version="1",
    kinds=frozenset({"lancedb"}),
    reads=("samples",),
    checks=("rows_usable",),
    schema=columns.WORD_COUNTS,
)
""",
    ),
    Edit("incremental/catalog.py", "        CONTENDERS,\n", "        WORD_COUNTS,\n"),
    Edit(
        "assets/word_counts.py",
        "",
        '''"""word_counts: the words of every response."""

from collections.abc import Callable
from functools import partial

import dagster as dg
import polars as pl

from tshirt_assets.incremental.catalog import WORD_COUNTS
from tshirt_assets.incremental.checks import usable_outcome
from tshirt_assets.incremental.writing import read_upstream, write_table
from tshirt_assets.orchestration.binding import Binding
from tshirt_assets.orchestration.declaring import partitioned_asset
from tshirt_assets.orchestration.recording import describe_table
from tshirt_assets.orchestration.asset_run import Run
from tshirt_assets.orchestration.shard_loop import Report
from tshirt_assets.store.frames import to_frame, to_schema


def build(binding: Binding) -> dg.AssetsDefinition:
    """The `word_counts` asset of a corpus."""
    return partitioned_asset(binding, WORD_COUNTS, lambda run: partial(process, run))


def process(run: Run, shard: str) -> Report:
    """Count the words of one shard."""
    samples, version = read_upstream(run.store, run.config.name, "samples", shard)
    words = pl.col("response").str.split(" ").list.len()
    table = to_schema(to_frame(samples).with_columns(n_words=words), WORD_COUNTS.schema)
    info = write_table(run.store, run.config.name, WORD_COUNTS.name, shard, table)
    return Report(
        data_version=info.data_version,
        metadata=describe_table(info, table, ("row", "n_words")),
        inputs={"samples": version},
        checks={"rows_usable": usable_outcome(table, run.config.max_bad_share)},
    )
''',
    ),
    Edit("assets/__init__.py", "    token_scores,\n)\n", "    word_counts,\n"),
    Edit("assets/__init__.py", "        contenders,\n", "        word_counts,\n"),
]
METHOD = [
    Edit("config/options.py", '"fusion"]\n"""What a recipe ranks', '"shortest", '),
    Edit(
        "selection/methods.py",
        '    Method(\n        name="random",',
        """    Method(
        name="shortest",
        meaning="fewest response tokens",
        score=lambda recipe, seed: -pl.col("n_response_tokens"),
        excluded=no_score(),
        reason=lambda recipe, row, cuts, seed: f"{row['n_response_tokens']} response tokens",
    ),
""",
    ),
]
EXPORT = [
    Edit("config/options.py", '"parquet"]\n"""Files that may', '"pairs", '),
    Edit(
        "export/formats.py",
        "@dataclass(frozen=True, slots=True)\nclass Format:",
        """def pairs_record(row: Row) -> Record:
    \"\"\"The row as prompt and completion.\"\"\"
    return {"prompt": row["instruction"], "completion": row["response"]}


""",
    ),
    Edit(
        "export/formats.py",
        '    Format(\n        "parquet"',
        """    Format("pairs", "pairs.jsonl", pairs_record, "TRL: pairs of `{file}`."),
        """,
    ),
]
SHAPE = [
    Edit("config/options.py", '"messages"]\n"""Shapes', '"qa", '),
    Edit("corpus/rows.py", '"prompt_response": "prompt"}', '"qa": "question", '),
    Edit("corpus/rows.py", '"output", "response", "completion")', '"answer", '),
]
