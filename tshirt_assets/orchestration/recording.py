"""Describing tables and work: the metadata of every materialization."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa

from tshirt_assets.export.escaping import markdown, markdown_lines, one_line
from tshirt_assets.incremental.columns import DESCRIPTIONS
from tshirt_assets.incremental.dataset import Dataset
from tshirt_assets.incremental.score_table import ScoredShard
from tshirt_assets.orchestration.metadata_order import counts_table, facts_table
from tshirt_assets.report.inline import INLINE_CHARACTERS, agreement_markdown, histogram_markdown
from tshirt_assets.store.table_info import TableInfo

PREVIEW_ROWS = 5
PREVIEW_CHARACTERS = (80, 60, 45, 35, 25)  # of a cell: the widest that the UI shows in place


def describe_table(info: TableInfo, table: pa.Table, preview: Sequence[str]) -> dict[str, Any]:
    """Metadata common to all tables: rows by status, where they are, a few of them."""
    metadata: dict[str, Any] = {
        "dagster/row_count": table.num_rows,
        "first_rows": markdown_table(table, preview),
    }
    if "status" in table.column_names:
        metadata["rows_by_status"] = counts_table(status_counts(table), "status")
    if info.identity:
        metadata["identity"] = info.identity
    return metadata | {"table": info.name, "table_version": info.version}


def describe_shards(dataset: Dataset) -> dict[str, Any]:
    """Metadata on the shards that took part: how many, which are missing or orphaned."""
    return {
        "shards": len(dataset.tables),
        "missing_shards": ", ".join(dataset.missing),
        "orphaned_shards": ", ".join(dataset.orphaned),
        "incomplete_shards": facts_table(dataset.incomplete, "shard", "why"),
        "upstream_version": dataset.version,
    }


def column_schema(schema: pa.Schema) -> dg.TableSchema:
    """The column schema that Dagster shows for a table."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(field.name, str(field.type), DESCRIPTIONS.get(field.name))
            for field in schema
        ]
    )


def describe_work(*scored: ScoredShard) -> dict[str, Any]:
    """Metadata of a scored shard: rows computed and reused, how fast.

    A shard that took several computations of the same rows is described by the largest.
    """
    if not scored:
        return {"computed": 0, "reused": 0, "seconds": 0.0}
    largest = max(scored, key=lambda part: (part.computed, part.reused))
    tokens, seconds = sum(part.tokens for part in scored), sum(part.seconds for part in scored)
    metadata: dict[str, Any] = {
        "computed": largest.computed,
        "reused": largest.reused,
        "seconds": round(seconds, 3),
    }
    if tokens:
        metadata["tokens_per_second"] = round(tokens / max(seconds, 1e-9), 1)
    return metadata


def status_counts(table: pa.Table) -> dict[str, int]:
    """Rows per status, most frequent first."""
    return dict(Counter(table["status"].to_pylist()).most_common())


def finite_values(table: pa.Table, column: str) -> np.ndarray:
    """The finite values of a numeric column."""
    values = table[column].drop_null().to_numpy()
    return values[np.isfinite(values)]


def histogram_plot(values: np.ndarray, title: str) -> dg.MarkdownMetadataValue:
    """A small histogram as a picture that the UI shows in place."""
    return dg.MetadataValue.md(histogram_markdown(values, title))


def agreement(
    across: np.ndarray, up: np.ndarray, names: tuple[str, str]
) -> dg.MarkdownMetadataValue:
    """Pairs of values against each other, as a picture that the UI shows in place."""
    return dg.MetadataValue.md(agreement_markdown(across, up, names))


def markdown_table(table: pa.Table, columns: Sequence[str]) -> dg.MarkdownMetadataValue:
    """The first rows of a table, cut to what the UI shows in place."""
    head = table.slice(0, PREVIEW_ROWS).select(list(columns)).to_pylist()
    text = ""
    for width in PREVIEW_CHARACTERS:
        rows = [[_cell(row[column], width) for column in columns] for row in head]
        text = markdown_lines(columns, rows)
        if len(text) < INLINE_CHARACTERS:
            break
    return dg.MetadataValue.md(text)


def _cell(value: Any, width: int) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}"
    text = one_line(str(value))
    return markdown(text if len(text) <= width else text[: width - 1] + "…")
