"""What a materialization says, in the order in which a person asks: what, how good, where, why."""

from collections.abc import Mapping
from typing import Any, Final

import dagster as dg

FIRST: Final = (
    "report",
    "recipes_compared",
    "row_browser",
    "summary",
    "notes",
    "not_calibrated",
    "dagster/row_count",
    "rows_by_status",
    "incomplete",
    "budget",
    "usable_rows",
    "kept_by_hand",
    "dropped_by_hand",
    "not_selected",
    "medians",
    "stability",
    "first_rows",
)
"""What matters first: how many rows, which, and what became of the others."""
LAST: Final = (
    "computed",
    "reused",
    "unchanged",
    "seconds",
    "tokens_per_second",
    "model",
    "model_loads",
    "shards",
    "missing_shards",
    "orphaned_shards",
    "incomplete_shards",
    "exports",
    "files",
    "report_file",
    "path",
    "table",
    "table_version",
    "identity",
    "upstream_version",
    "provenance",
    "dagster/column_schema",
)
"""What it cost, where it lies and what it was made from; the scores come before that."""


def in_order(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The same metadata without what is empty, what matters to a person first."""
    places = {key: place - len(FIRST) for place, key in enumerate(FIRST)}
    places |= {key: place + 1 for place, key in enumerate(LAST)}
    given = {key: value for key, value in metadata.items() if not _is_empty(value)}
    return dict(sorted(given.items(), key=lambda item: places.get(item[0], 0)))


def counts_table(counts: Mapping[str, int], what: str) -> dg.TableMetadataValue:
    """A table of counts: `what` they are of, and rows."""
    records = [dg.TableRecord({what: key, "rows": count}) for key, count in counts.items()]
    columns = [dg.TableColumn(what), dg.TableColumn("rows", "int")]
    return dg.MetadataValue.table(records, dg.TableSchema(columns))


def facts_table(facts: Mapping[str, Any], name: str, value: str) -> dg.TableMetadataValue:
    """A table of two columns with these headings."""
    records = [dg.TableRecord({name: key, value: str(found)}) for key, found in facts.items()]
    columns = [dg.TableColumn(name), dg.TableColumn(value)]
    return dg.MetadataValue.table(records, dg.TableSchema(columns))


def plain(value: dg.MetadataValue) -> Any:
    """The value, of a table of two columns the second by the first.

    Earlier versions recorded JSON, which comes back as it was.
    """
    if not isinstance(value, dg.TableMetadataValue):
        return value.value
    key, found, *_ = (column.name for column in value.schema.columns)
    return {record.data[key]: record.data[found] for record in value.records}


def _is_empty(value: Any) -> bool:
    plain = value.value if isinstance(value, dg.MetadataValue) else value
    if isinstance(plain, dg.TableMetadataValue):
        return not plain.records
    return plain is None or plain in ("", [], {}, ())
