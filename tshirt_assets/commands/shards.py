"""List the shards of a corpus, and what is stored of each."""

import dagster as dg

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.incremental.catalog import ASSETS
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.store.store import Store


def shard_table(instance: dg.DagsterInstance, config: CorpusConfig) -> str:
    """One line per shard: registered or not, and which of its tables are stored."""
    store = Store(config.store, config.storage_options)
    registered = instance.get_dynamic_partitions(config.name)
    lines = []
    try:
        specs = {spec.key for spec in discover_shards(config, registered, missing_ok=True)}
    except CorpusError as error:
        specs = set(registered)
        lines.append(f"the files cannot be listed: {error}")
    width = max((len(key) for key in [*specs, *registered]), default=0)
    tables = {(t.asset, t.shard): t for t in store.stored(config.name)}
    by_shard = [record.name for record in ASSETS.values() if record.unit == "shard"]
    known = set(registered)
    for key in [*registered, *(key for key in specs if key not in known)]:
        state = "registered" if key in known else "new"
        state = state if key in specs else "orphaned: its file is gone"
        stored = [asset for asset in by_shard if (asset, key) in tables]
        samples = tables.get(("samples", key))
        rows = f"{samples.rows:,} rows" if samples else "not read"
        broken = TableFacts.of(samples).incomplete if samples else None
        rows += f" (incomplete: {broken})" if broken else ""
        lines.append(f"{key:<{width}}  {state:<10}  {rows:>12}  {', '.join(stored)}")
    return "\n".join(lines)
