"""The shards of a corpus, and what is stored of each."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import dagster as dg

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.incremental.catalog import ASSETS
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.store.store import Store

STATES = {"registered": "registered", "new": "new", "orphaned": "orphaned: its file is gone"}


@dataclass(frozen=True, slots=True)
class ShardState:
    """One shard: rows is None where it was not read, incomplete why it breaks off."""

    shard: str
    state: Literal["registered", "new", "orphaned"]
    rows: int | None
    incomplete: str | None
    stored: tuple[str, ...]

    def values(self) -> dict[str, Any]:
        """The state as JSON holds it."""
        return asdict(self)


def shard_states(
    instance: dg.DagsterInstance, config: CorpusConfig
) -> tuple[list[ShardState], str | None]:
    """All shards, those that are registered first, and why their files cannot be listed."""
    store = Store(config.store, config.storage_options)
    registered = instance.get_dynamic_partitions(config.name)
    known, fault = set(registered), None
    try:
        found = [spec.key for spec in discover_shards(config, registered, missing_ok=True)]
    except CorpusError as error:
        found, fault = list(registered), str(error)
    there = set(found)
    tables = {(t.asset, t.shard): t for t in store.stored(config.name)}
    by_shard = [record.name for record in ASSETS.values() if record.unit == "shard"]
    states = []
    for key in [*registered, *(key for key in found if key not in known)]:
        samples = tables.get(("samples", key))
        states.append(
            ShardState(
                shard=key,
                state="orphaned" if key not in there else "registered" if key in known else "new",
                rows=samples.rows if samples else None,
                incomplete=TableFacts.of(samples).incomplete if samples else None,
                stored=tuple(asset for asset in by_shard if (asset, key) in tables),
            )
        )
    return states, fault


def shard_table(states: Sequence[ShardState], fault: str | None) -> str:
    """One line per shard: registered or not, and which of its tables are stored."""
    lines = [f"the files cannot be listed: {fault}"] if fault else []
    width = max((len(state.shard) for state in states), default=0)
    for state in states:
        rows = "not read" if state.rows is None else f"{state.rows:,} rows"
        rows += f" (incomplete: {state.incomplete})" if state.incomplete else ""
        name = STATES[state.state]
        lines.append(f"{state.shard:<{width}}  {name:<10}  {rows:>12}  {', '.join(state.stored)}")
    return "\n".join(lines)
