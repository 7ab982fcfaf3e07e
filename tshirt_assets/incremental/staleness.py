"""Whether recorded subsets still match the tables that they were made from."""

from collections.abc import Collection

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.shards import live_shards
from tshirt_assets.incremental.catalog import SELECTED_SUBSET, owner
from tshirt_assets.incremental.dataset import incomplete_shards, left_out_if_incomplete
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.store.store import Store


def changed_inputs(
    store: Store, config: CorpusConfig, registered: Collection[str]
) -> dict[str, list[str]]:
    """By recipe: "ASSET SHARD" of every table that has changed, or is new, since the selection.

    Recipes whose subset is not stored, or is up to date, are left out.
    """
    subsets = {
        recipe: TableFacts.of(info).inputs
        for recipe in config.recipes
        if (info := store.info(config.name, SELECTED_SUBSET.name, recipe)) is not None
    }
    live = live_shards(config, registered)
    if left_out_if_incomplete(config):
        live -= set(incomplete_shards(store, config, sorted(live)))
    present = {
        asset: {str(info.shard): info.data_version for info in store.stored(config.name, asset)}
        for asset in {asset for inputs in subsets.values() for asset in inputs}
    }
    changed: dict[str, list[str]] = {}
    for recipe, inputs in subsets.items():
        for asset, shards in inputs.items():
            now = present[asset]
            faults = [
                f"{owner(asset)} {shard}"
                for shard, recorded in shards.items()
                if now.get(shard) != recorded.data_version
            ]
            new = sorted(live & set(now) - set(shards))
            faults += [f"{owner(asset)} {shard} (new)" for shard in new]
            if faults:
                changed.setdefault(recipe, []).extend(faults)
    return changed
