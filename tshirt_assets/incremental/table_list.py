"""Which tables of a corpus are stored, each under the name it should have."""

from collections.abc import Collection, Mapping

from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental.catalog import BY_RECIPE
from tshirt_assets.incremental.findings import Verification, mended_by, place_of
from tshirt_assets.incremental.judgements import JUDGEMENTS
from tshirt_assets.incremental.table_shapes import TABLES
from tshirt_assets.store.faults import DamagedTableError, StoreError
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import (
    STAGING_PREFIX,
    NewerTableError,
    TableInfo,
    misplaced,
    table_name,
)

Place = tuple[str, str | None]  # a table, and its shard or recipe
CONTINUE = "run the asset again to go on from them; `maintain` drops them when they are old"


def expected_names(config: CorpusConfig, shards: Collection[str]) -> dict[str, Place]:
    """The names that tables of these shards, and of the corpus and its recipes, would have."""
    places: list[Place] = [(table, None) for table in TABLES]
    places += [(table, shard) for table in TABLES for shard in shards]
    places += [(table, recipe) for table in BY_RECIPE for recipe in config.recipes]
    return {table_name(config.name, *place): place for place in places}


def list_tables(
    store: Store, corpus: str, expected: Mapping[str, Place], found: Verification
) -> dict[Place, TableInfo]:
    """The tables that can be opened; the others, and leftovers, are faults.

    expected: what `expected_names` gives, by which tables that cannot be opened are known.
    """
    tables: dict[Place, TableInfo] = {}
    for name in store.database.names():
        if name.startswith(f"{STAGING_PREFIX}{corpus}."):
            found.add(name, "chunks of a shard that was not finished", CONTINUE)
        if not name.startswith(f"{corpus}."):
            continue
        found.tables += 1
        drop = f"delete {store.database.uri}/{name}.lance"
        place = expected.get(name)
        again = mended_by(place[0]) if place else drop
        shown = place_of(*place) if place else name
        try:
            info = store.inspect(name)
        except NewerTableError as error:
            found.add(shown, "cannot be read", f"{error}; if none wrote it, {drop} and run again")
            continue
        except DamagedTableError as error:
            said = str(error) if place else f"{error}: or {drop}"
            found.add(shown, "cannot be opened", again if place == (JUDGEMENTS, None) else said)
            continue
        except StoreError as error:
            found.add(shown, "cannot be opened", str(error))
            continue
        if info is None:
            again = "materialize it again" if place else drop
            found.add(name, "its first write was cut short", again)
        elif other := misplaced(info):
            elsewhere = f"put the folder of this table back, or {drop}"
            found.add(shown, other, again if place else elsewhere)
        elif info.asset not in TABLES:
            found.add(name, f"is no table of this package ({info.asset})", drop)
        else:
            tables[info.asset, info.shard] = info
    return tables
