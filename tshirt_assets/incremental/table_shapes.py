"""What every stored table has: its columns, and the facts that are recorded with it."""

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from tshirt_assets.incremental import columns
from tshirt_assets.incremental.catalog import ASSETS, CALIBRATION, ROBUST_SCORES
from tshirt_assets.incremental.judgements import JUDGEMENTS
from tshirt_assets.incremental.soundness import other_columns

VECTORS: Final = ("embeddings", "relevance", "search")
TABLES: Final[dict[str, pa.Schema]] = {
    **{record.name: record.schema for record in ASSETS.values() if record.schema is not None},
    **dict.fromkeys(CALIBRATION.measures, columns.NEIGHBOUR_DELTAS),
    **dict.fromkeys(ROBUST_SCORES.measures, columns.ROBUSTNESS),
    "neighbour_deltas": columns.NEIGHBOUR_DELTAS,
    "embeddings": pa.schema([*columns.SCORED_ROW, pa.field("model", pa.string())]),
    "relevance": pa.schema([*columns.SCORED_ROW, pa.field("relevance", pa.float32())]),
    "search": pa.schema([f for f in columns.search_schema(1) if f.name != "vector"]),
    "plan": columns.PLAN,
    JUDGEMENTS: columns.JUDGEMENTS,
    "selected_subset": pa.schema(
        [*columns.ROW[:3], pa.field("score", pa.float64()), pa.field("reason", pa.string())]
    ),
}
"""The columns of each table, but for vectors, whose width depends on the model."""

FACTS: Final[dict[str, tuple[str, ...]]] = {
    "contenders": ("tau", "keep_fraction"),
    "calibration": ("tau", "calibration"),
    "robust_scores": ("tau", "estimators"),
    "search": ("embedder", "fingerprint"),
    "plan": ("plan",),
    "selected_subset": ("provenance", "inputs"),
}
"""The facts that each table was written with, beside those of every table."""


def has_identity(table: str) -> bool:
    """Whether a score identity is recorded with a table."""
    return table in ("neighbours", "search") or "identity" in TABLES[table].names


def shape_faults(table: str, schema: pa.Schema) -> Iterator[str]:
    """What is wrong with the columns of a table of the catalogue."""
    wrong = other_columns(schema, TABLES[table])
    if wrong:
        yield wrong
    if table in VECTORS:
        kind = schema.field("vector").type if "vector" in schema.names else None
        if kind is None or not pa.types.is_fixed_size_list(kind) or kind.value_type != pa.float32():
            yield "has no vectors in the column vector"
