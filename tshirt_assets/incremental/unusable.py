"""Why no row of a corpus can be used, and which options may change that."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from tshirt_assets.corpus.status import Status
from tshirt_assets.incremental.catalog import SAMPLES
from tshirt_assets.store.store import Store

MOST_REASONS = 3
MOST_FIELDS = 12
EXAMPLES = 20  # rows of a shard whose fields are named
FOUND = "found: "  # where a detail names the fields itself

NO_FIELD = (
    "Set `columns` to the names of your fields: instruction and response (and input), or messages "
    "for conversations"
)
REMEDIES: Final[Mapping[str, str]] = {
    Status.MISSING_FIELD: NO_FIELD,
    Status.EMPTY_INSTRUCTION: NO_FIELD,
    Status.EMPTY_RESPONSE: NO_FIELD,
    Status.NO_ASSISTANT_TURN: NO_FIELD,
    Status.NOT_TEXT: f"{NO_FIELD}, whose values are text",
    Status.UNKNOWN_ROLE: "Name the turns' roles system, user, assistant or tool",
    Status.UNREADABLE_LINE: "Check that the files are what their names say (.jsonl, .json, .csv, "
    ".parquet)",
    Status.FILE_ENDS_EARLY: "Put whole files in their place",
    Status.PROMPT_TOO_LONG: "Raise `max_length` of the model, as far as it has positions",
    Status.TEMPLATE_ERROR: "Set `prompt_format` to plain or alpaca",
}


def why_unusable(store: Store, corpus: str, asset: str, shards: Sequence[str]) -> str | None:
    """The most frequent reasons, the fields that were found, and what to set; one line.

    asset: one with a line per row, such as `samples`. None where a row is usable, or nothing is
    stored of these shards. Raises `StoreError`.
    """
    stored = [shard for shard in shards if store.info(corpus, asset, shard) is not None]
    for shard in stored:
        if store.read(corpus, asset, shard, columns=["status"], where="status = 'ok'").num_rows:
            return None
    if not stored:
        return None
    reasons = Counter[tuple[str, str]]()
    columns = ["status", "status_detail", *(["extra"] if asset == SAMPLES.name else [])]
    unused: dict[str, None] = {}
    for shard in stored:
        rows = store.read(corpus, asset, shard, columns=columns)
        for row in rows.slice(0, EXAMPLES).to_pylist():
            unused |= dict.fromkeys(_names(row.get("extra")))
        statuses, details = (rows[name].to_pylist() for name in columns[:2])
        reasons.update(zip(statuses, details, strict=True))
    if not reasons:
        return f"no row of {corpus!r} is usable: its files have no rows; check `paths`"
    return f"no row of {corpus!r} is usable: {_listed(reasons, list(unused))}"


def _listed(reasons: Counter[tuple[str, str]], unused: Sequence[str]) -> str:
    """The reasons, the fields that nothing was read from, and the remedy of the first reason."""
    frequent = reasons.most_common(MOST_REASONS)
    listed = "; ".join(
        f"{count:,} rows are {status}" + (f" ({detail})" if detail else "")
        for (status, detail), count in frequent
    )
    if unused and FOUND not in listed:
        listed += f"; fields that were not used: {', '.join(unused[:MOST_FIELDS])}"
    (status, _), _ = frequent[0]
    return f"{listed}. {REMEDIES.get(status, 'See the statuses of its rows')}"


def _names(extra: str | None) -> list[str]:
    """Names of the fields of a row that were not used."""
    try:
        values = json.loads(extra or "{}")
    except ValueError:
        return []
    return list(values) if isinstance(values, dict) else []
